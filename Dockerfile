# All of Oriel in one container, as `make run` has it: docker build -t oriel . && docker run --rm -p 8080:8080 oriel
# Keep the data with -v oriel:/var/lib/oriel.
FROM debian:12-slim
WORKDIR /oriel
COPY conf/install-packages conf/packages conf/
RUN conf/install-packages conf/packages run && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make -s && useradd --system --home-dir /var/lib/oriel --create-home oriel
USER oriel
VOLUME /var/lib/oriel
# Inside a container the address to listen on is the container's own.
ENV LISTEN=0.0.0.0 RUN=/var/lib/oriel/run
EXPOSE 8080
CMD ["conf/run"]
