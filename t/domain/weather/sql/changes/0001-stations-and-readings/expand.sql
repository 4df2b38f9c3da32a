-- A domain that shares nothing with the shipped one: no client, no vendor, a key of two columns, a table without a number.
CREATE TABLE dp.weather_station (
    code       text PRIMARY KEY,
    "Name"     text NOT NULL,
    height_m   integer,
    raw_batch  bigint NOT NULL,
    raw_line   integer NOT NULL
);
CREATE TABLE dp.reading (
    station    text NOT NULL,
    taken_at   timestamptz NOT NULL,
    celsius    numeric(5,1),
    frost      boolean NOT NULL DEFAULT false,
    raw_batch  bigint NOT NULL,
    raw_line   integer NOT NULL,
    PRIMARY KEY (station, taken_at)
) WITH (fillfactor = 90); -- room on each page for a row's next version, so that its indexes need not be written
CREATE VIEW api.v_stations_v1 WITH (security_barrier) AS
SELECT s.code, s."Name", s.height_m FROM dp.weather_station s;
COMMENT ON VIEW api.v_stations_v1 IS E'Weather stations.\n@primaryKey code';
COMMENT ON COLUMN api.v_stations_v1.code IS E'Its sign.\n@notNull';
GRANT SELECT ON api.v_stations_v1 TO oriel_ds;
CREATE VIEW api.v_readings_v1 WITH (security_barrier) AS
SELECT r.station, r.taken_at, r.celsius FROM dp.reading r;
COMMENT ON VIEW api.v_readings_v1 IS
    E'What they measured.\n@primaryKey station, taken_at\n@foreignKey (station) references v_stations_v1 (code)';
GRANT SELECT ON api.v_readings_v1 TO oriel_ds;
CREATE VIEW api.v_readings_v2 WITH (security_barrier) AS
SELECT r.station, r.taken_at, r.celsius, r.frost FROM dp.reading r;
COMMENT ON VIEW api.v_readings_v2 IS
    E'What they measured, and whether it froze.\n@primaryKey station, taken_at\n@foreignKey (station) references v_stations_v1 (code)';
GRANT SELECT ON api.v_readings_v2 TO oriel_ds;
