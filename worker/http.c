#include "worker/http.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/spool.h"

enum { MOST_REDIRECTS = 5, SLOWEST_BYTES = 10, SLOWEST_SECONDS = 30, MOST_HEADERS = 256 << 10 };

struct http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    int epoll;
    long long due_ms; /* monotonic: when libcurl wants to be called at the latest; -1: never */
    struct arena arena;
    size_t most_bytes, header_bytes;
    bool too_large;
    struct http_answer answer;
    EVP_MD_CTX *sum;
    char problem[CURL_ERROR_SIZE + 200];
};

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- what libcurl calls ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    struct http *h = context;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &event) < 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return -1;
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
    struct http *h = context;
    (void)multi;
    h->due_ms = ms < 0 ? -1 : now_ms() + ms;
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct http *h = context;
    n *= size;
    h->too_large = n > h->most_bytes - h->answer.size;
    if (h->too_large || spool_write(h->answer.fd, bytes, n) < 0)
        return 0;
    h->answer.size += n;
    return EVP_DigestUpdate(h->sum, bytes, n) ? n : 0;
}

static bool is_named(const char *line, const char *name)
{
    size_t n = strlen(name);
    return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static const char *trimmed(struct arena *a, const char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1]))
        n--;
    return arena_memdup(a, s, n);
}

/* A status line begins a response: of redirects, and of what goes before (100, 103), nothing is kept. */
static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
    struct http *h = context;
    struct http_answer *answer = &h->answer;
    const struct {
        const char *name, **value;
    } wanted[] = {{"content-type", &answer->type}, {"etag", &answer->etag}, {"last-modified", &answer->modified}};
    n *= size;
    if ((h->header_bytes += n) > MOST_HEADERS)
        return 0;
    const char *line = arena_memdup(&h->arena, bytes, n);
    if (strncmp(line, "HTTP/", 5) == 0)
        answer->type = answer->etag = answer->modified = answer->next = "";
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        if (is_named(line, wanted[i].name))
            *wanted[i].value = trimmed(&h->arena, strchr(line, ':') + 1);
    if (is_named(line, "link")) {
        const char *next = http_link_next(&h->arena, trimmed(&h->arena, strchr(line, ':') + 1));
        answer->next = next ? next : answer->next;
    }
    return n;
}

/* ---- one transfer ---- */

static void add_header(struct http *h, const char *name, const char *value)
{
    if (value && *value && !strpbrk(value, "\r\n"))
        h->headers = curl_slist_append(h->headers, arena_printf(&h->arena, "%s: %s", name, value));
}

static void set_credentials(struct http *h, const struct http_request *r)
{
    if (r->bearer) {
        curl_easy_setopt(h->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(h->easy, CURLOPT_XOAUTH2_BEARER, r->bearer);
    } else if (r->user) {
        curl_easy_setopt(h->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(h->easy, CURLOPT_USERNAME, r->user);
        curl_easy_setopt(h->easy, CURLOPT_PASSWORD, r->password);
    }
}

static void set_up(struct http *h, const struct http_request *r)
{
    CURL *e = h->easy;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(e, CURLOPT_USERAGENT, "oriel/" ORIEL_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST_BYTES);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)SLOWEST_SECONDS);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->problem);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    set_credentials(h, r);
    add_header(h, "If-None-Match", r->etag);
    add_header(h, "If-Modified-Since", r->modified);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
}

struct http *http_start(const struct http_request *r)
{
    static bool ready;
    struct http *h = mem_alloc(sizeof *h);
    if (!ready)
        curl_global_init(CURL_GLOBAL_DEFAULT);
    ready = true;
    arena_init(&h->arena);
    *h = (struct http){.epoll = epoll_create1(EPOLL_CLOEXEC),
                       .multi = curl_multi_init(),
                       .easy = curl_easy_init(),
                       .sum = EVP_MD_CTX_new(),
                       .most_bytes = r->most_bytes};
    h->answer = (struct http_answer){.fd = spool_open(), .type = "", .etag = "", .modified = "", .next = "", .url = ""};
    if (h->answer.fd < 0 || h->epoll < 0 || !h->multi || !h->easy || !EVP_DigestInit_ex(h->sum, EVP_sha256(), NULL)) {
        if (h->answer.fd >= 0)
            log_errno("cannot begin to ask %s", http_display(&h->arena, r->url));
        http_free(h);
        return NULL;
    }
    set_up(h, r);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_add_handle(h->multi, h->easy);
    return h;
}

static void finish_answer(struct http *h)
{
    unsigned char digest[32];
    char *url = NULL;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &h->answer.status);
    curl_easy_getinfo(h->easy, CURLINFO_EFFECTIVE_URL, &url);
    curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &retry_after);
    h->answer.url = arena_strdup(&h->arena, url ? url : "");
    h->answer.retry_after_ms = retry_after > 0 ? (retry_after > 86400 ? 86400 : (long long)retry_after) * 1000 : 0;
    EVP_DigestFinal_ex(h->sum, digest, NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(h->answer.sha256 + 2 * i, 3, "%02x", digest[i]);
}

static enum http_state end(struct http *h, CURLcode code)
{
    if (code == CURLE_OK) {
        finish_answer(h);
        return HTTP_DONE;
    }
    if (h->too_large)
        snprintf(h->problem, sizeof h->problem, "the answer is larger than %zu bytes (maxPage)", h->most_bytes);
    else if (!*h->problem)
        snprintf(h->problem, sizeof h->problem, "%s", curl_easy_strerror(code));
    return HTTP_FAILED;
}

enum http_state http_step(struct http *h)
{
    struct epoll_event events[8];
    int running, left;
    int n = epoll_wait(h->epoll, events, ARRAY_SIZE(events), 0);
    for (int i = 0; i < n; i++) {
        unsigned e = events[i].events;
        int flags = (e & EPOLLIN ? CURL_CSELECT_IN : 0) | (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(h->multi, events[i].data.fd, flags, &running);
    }
    if (h->due_ms >= 0 && now_ms() >= h->due_ms) {
        h->due_ms = -1; /* before the call, which may set it anew */
        curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (CURLMsg *message; (message = curl_multi_info_read(h->multi, &left));)
        if (message->msg == CURLMSG_DONE)
            return end(h, message->data.result);
    return HTTP_BUSY;
}

int http_fd(const struct http *h)
{
    return h->epoll;
}

long long http_wait_ms(const struct http *h)
{
    long long ms = h->due_ms - now_ms();
    return h->due_ms < 0 ? -1 : ms > 0 ? ms : 0;
}

const char *http_problem(const struct http *h)
{
    return h->problem;
}

const struct http_answer *http_answer(const struct http *h)
{
    return &h->answer;
}

int http_take_body(struct http *h)
{
    int fd = h->answer.fd;
    h->answer.fd = -1;
    return fd;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->multi && h->easy)
        curl_multi_remove_handle(h->multi, h->easy);
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    EVP_MD_CTX_free(h->sum);
    if (h->epoll >= 0)
        close(h->epoll);
    if (h->answer.fd >= 0)
        close(h->answer.fd);
    arena_release(&h->arena);
    free(h);
}

/* ---- with waiting ---- */

static int append_body(const struct http_answer *answer, struct buf *body)
{
    char piece[16384];
    for (size_t at = 0; at < answer->size;) {
        ssize_t n = pread(answer->fd, piece, sizeof piece, (off_t)at);
        if (n <= 0)
            return -1;
        buf_put(body, piece, (size_t)n);
        at += (size_t)n;
    }
    return body->failed ? -1 : 0;
}

int http_get(const char *url, long long timeout_ms, struct buf *body)
{
    struct http_request request = {
        .url = url, .timeout_ms = timeout_ms, .connect_timeout_ms = timeout_ms, .most_bytes = body->max - body->len};
    struct http *h = http_start(&request);
    enum http_state state = HTTP_BUSY;
    int result = -1;
    if (!h)
        return -1;
    while ((state = http_step(h)) == HTTP_BUSY)
        poll(&(struct pollfd){.fd = http_fd(h), .events = POLLIN}, 1, (int)http_wait_ms(h));
    const char *shown = http_display(&h->arena, url);
    if (state == HTTP_FAILED)
        log_error("%s: %s", shown, h->problem);
    else if (h->answer.status != 200)
        log_error("%s: status %ld, where 200 was expected", shown, h->answer.status);
    else if (append_body(&h->answer, body) < 0)
        log_error("%s: the answer cannot be read again", shown);
    else
        result = 0;
    http_free(h);
    return result;
}
