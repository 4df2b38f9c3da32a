--
-- PostgreSQL database dump
--


-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: api; Type: SCHEMA; Schema: -; Owner: oriel_owner
--

CREATE SCHEMA api;


ALTER SCHEMA api OWNER TO oriel_owner;

--
-- Name: dp; Type: SCHEMA; Schema: -; Owner: oriel_owner
--

CREATE SCHEMA dp;


ALTER SCHEMA dp OWNER TO oriel_owner;

--
-- Name: oriel; Type: SCHEMA; Schema: -; Owner: oriel_owner
--

CREATE SCHEMA oriel;


ALTER SCHEMA oriel OWNER TO oriel_owner;

--
-- Name: raw; Type: SCHEMA; Schema: -; Owner: oriel_owner
--

CREATE SCHEMA raw;


ALTER SCHEMA raw OWNER TO oriel_owner;

--
-- Name: as_text(bytea, text); Type: FUNCTION; Schema: raw; Owner: oriel_owner
--

CREATE FUNCTION raw.as_text(record bytea, encoding text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    RETURN pg_catalog.convert_from(record, encoding);
EXCEPTION WHEN OTHERS THEN
    RETURN pg_catalog.encode(record, 'escape');
END
$$;


ALTER FUNCTION raw.as_text(record bytea, encoding text) OWNER TO oriel_owner;

--
-- Name: FUNCTION as_text(record bytea, encoding text); Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON FUNCTION raw.as_text(record bytea, encoding text) IS 'A record for people: decoded where it decodes, with octal escapes where it does not.';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: batch; Type: TABLE; Schema: dp; Owner: oriel_owner
--

CREATE TABLE dp.batch (
    id bigint NOT NULL,
    client text NOT NULL,
    external_id text NOT NULL,
    product_id bigint NOT NULL,
    lot text,
    description text,
    quantity integer,
    weight_kg numeric(14,3),
    produced_on date,
    expires_on date,
    raw_batch bigint NOT NULL,
    raw_line integer NOT NULL,
    gone_at timestamp with time zone
);


ALTER TABLE dp.batch OWNER TO oriel_owner;

--
-- Name: v_batches_v1; Type: VIEW; Schema: api; Owner: oriel_owner
--

CREATE VIEW api.v_batches_v1 AS
 SELECT b.id,
    b.client,
    b.external_id,
    b.product_id,
    b.lot,
    b.description,
    b.quantity,
    b.weight_kg,
    b.produced_on,
    b.expires_on
   FROM dp.batch b
  WHERE (b.gone_at IS NULL);


ALTER TABLE api.v_batches_v1 OWNER TO oriel_owner;

--
-- Name: VIEW v_batches_v1; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON VIEW api.v_batches_v1 IS 'Batches: the lots or packages that a product comes in.
@primaryKey id
@unique client, external_id
@foreignKey (product_id) references v_products_v1 (id)|@name product';


--
-- Name: COLUMN v_batches_v1.id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.id IS 'Oriel''s own number for the batch; it stays.
@notNull';


--
-- Name: COLUMN v_batches_v1.client; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.client IS 'The client whose batch it is.
@notNull';


--
-- Name: COLUMN v_batches_v1.external_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.external_id IS 'The client''s own identifier.
@notNull';


--
-- Name: COLUMN v_batches_v1.product_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.product_id IS 'The product that is in it.
@notNull';


--
-- Name: COLUMN v_batches_v1.lot; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.lot IS 'The lot''s number or name, as printed.';


--
-- Name: COLUMN v_batches_v1.description; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.description IS 'What the batch is, in the client''s words.';


--
-- Name: COLUMN v_batches_v1.quantity; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.quantity IS 'How many pieces, bags or boxes.';


--
-- Name: COLUMN v_batches_v1.weight_kg; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.weight_kg IS 'Weight of the whole batch, in kilograms.';


--
-- Name: COLUMN v_batches_v1.produced_on; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.produced_on IS 'Day of production, harvest grading or packing.';


--
-- Name: COLUMN v_batches_v1.expires_on; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_batches_v1.expires_on IS 'Last day of use.';


--
-- Name: product; Type: TABLE; Schema: dp; Owner: oriel_owner
--

CREATE TABLE dp.product (
    id bigint NOT NULL,
    client text NOT NULL,
    external_id text NOT NULL,
    vendor_id bigint,
    name text NOT NULL,
    category text,
    price numeric(12,2),
    in_stock boolean,
    tags jsonb,
    updated_at timestamp with time zone,
    raw_batch bigint NOT NULL,
    raw_line integer NOT NULL,
    gone_at timestamp with time zone,
    price_cents bigint,
    currency text DEFAULT 'EUR'::text
);


ALTER TABLE dp.product OWNER TO oriel_owner;

--
-- Name: v_products_v1; Type: VIEW; Schema: api; Owner: oriel_owner
--

CREATE VIEW api.v_products_v1 AS
 SELECT p.id,
    p.client,
    p.external_id,
    p.vendor_id,
    p.name,
    p.category,
    p.price,
    p.in_stock,
    p.tags,
    p.updated_at
   FROM dp.product p
  WHERE (p.gone_at IS NULL);


ALTER TABLE api.v_products_v1 OWNER TO oriel_owner;

--
-- Name: VIEW v_products_v1; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON VIEW api.v_products_v1 IS 'Products on offer.
@primaryKey id
@unique client, external_id
@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor
@deprecated
@sunset 2099-01-01
@successor v_products_v2';


--
-- Name: COLUMN v_products_v1.id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.id IS 'Oriel''s own number for the product; it stays.
@notNull';


--
-- Name: COLUMN v_products_v1.client; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.client IS 'The client whose product it is.
@notNull';


--
-- Name: COLUMN v_products_v1.external_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.external_id IS 'The client''s own identifier.
@notNull';


--
-- Name: COLUMN v_products_v1.vendor_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.vendor_id IS 'The vendor; null when the client names none.';


--
-- Name: COLUMN v_products_v1.name; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.name IS 'As the client spells it, trimmed.
@notNull';


--
-- Name: COLUMN v_products_v1.category; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.category IS 'The client''s own category.';


--
-- Name: COLUMN v_products_v1.price; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.price IS 'Price of one, in the client''s currency.';


--
-- Name: COLUMN v_products_v1.in_stock; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.in_stock IS 'Whether it can be had now; null when unknown.';


--
-- Name: COLUMN v_products_v1.tags; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.tags IS 'A list of words.';


--
-- Name: COLUMN v_products_v1.updated_at; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v1.updated_at IS 'When the client last changed the record.';


--
-- Name: v_products_v2; Type: VIEW; Schema: api; Owner: oriel_owner
--

CREATE VIEW api.v_products_v2 AS
 SELECT p.id,
    p.client,
    p.external_id,
    p.vendor_id,
    p.name,
    p.category,
    ((p.price * (100)::numeric))::bigint AS price_cents,
    COALESCE(p.currency, 'EUR'::text) AS currency,
    p.in_stock,
    p.tags,
    p.updated_at
   FROM dp.product p
  WHERE (p.gone_at IS NULL);


ALTER TABLE api.v_products_v2 OWNER TO oriel_owner;

--
-- Name: VIEW v_products_v2; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON VIEW api.v_products_v2 IS 'Products on offer, priced in cents of a named currency.
@primaryKey id
@unique client, external_id
@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor';


--
-- Name: COLUMN v_products_v2.id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.id IS 'Oriel''s own number for the product; it stays.
@notNull';


--
-- Name: COLUMN v_products_v2.client; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.client IS 'The client whose product it is.
@notNull';


--
-- Name: COLUMN v_products_v2.external_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.external_id IS 'The client''s own identifier.
@notNull';


--
-- Name: COLUMN v_products_v2.vendor_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.vendor_id IS 'The vendor; null when the client names none.';


--
-- Name: COLUMN v_products_v2.name; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.name IS 'As the client spells it, trimmed.
@notNull';


--
-- Name: COLUMN v_products_v2.category; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.category IS 'The client''s own category.';


--
-- Name: COLUMN v_products_v2.price_cents; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.price_cents IS 'Price of one, in hundredths of the currency; null when the client names none.';


--
-- Name: COLUMN v_products_v2.currency; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.currency IS 'Currency of the price, as ISO 4217 writes it.
@notNull';


--
-- Name: COLUMN v_products_v2.in_stock; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.in_stock IS 'Whether it can be had now; null when unknown.';


--
-- Name: COLUMN v_products_v2.tags; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.tags IS 'A list of words.';


--
-- Name: COLUMN v_products_v2.updated_at; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_products_v2.updated_at IS 'When the client last changed the record.';


--
-- Name: vendor; Type: TABLE; Schema: dp; Owner: oriel_owner
--

CREATE TABLE dp.vendor (
    id bigint NOT NULL,
    client text NOT NULL,
    external_id text NOT NULL,
    name text NOT NULL,
    country text,
    raw_batch bigint NOT NULL,
    raw_line integer NOT NULL,
    gone_at timestamp with time zone
);


ALTER TABLE dp.vendor OWNER TO oriel_owner;

--
-- Name: TABLE vendor; Type: COMMENT; Schema: dp; Owner: oriel_owner
--

COMMENT ON TABLE dp.vendor IS 'One row per vendor of a client. external_id is the client''s own name for it; raw_batch and raw_line say which kept record the row came from.';


--
-- Name: v_vendors_v1; Type: VIEW; Schema: api; Owner: oriel_owner
--

CREATE VIEW api.v_vendors_v1 AS
 SELECT v.id,
    v.client,
    v.external_id,
    v.name,
    v.country
   FROM dp.vendor v
  WHERE (v.gone_at IS NULL);


ALTER TABLE api.v_vendors_v1 OWNER TO oriel_owner;

--
-- Name: VIEW v_vendors_v1; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON VIEW api.v_vendors_v1 IS 'Vendors: who sells, makes or labels the products.
@primaryKey id
@unique client, external_id';


--
-- Name: COLUMN v_vendors_v1.id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_vendors_v1.id IS 'Oriel''s own number for the vendor; it stays.
@notNull';


--
-- Name: COLUMN v_vendors_v1.client; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_vendors_v1.client IS 'The client whose vendor it is.
@notNull';


--
-- Name: COLUMN v_vendors_v1.external_id; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_vendors_v1.external_id IS 'The client''s own identifier.
@notNull';


--
-- Name: COLUMN v_vendors_v1.name; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_vendors_v1.name IS 'As the client spells it, trimmed.
@notNull';


--
-- Name: COLUMN v_vendors_v1.country; Type: COMMENT; Schema: api; Owner: oriel_owner
--

COMMENT ON COLUMN api.v_vendors_v1.country IS 'Country, as the client gives it.';


--
-- Name: bookkeeping; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.bookkeeping (
    version integer NOT NULL,
    program text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE oriel.bookkeeping OWNER TO oriel_owner;

--
-- Name: TABLE bookkeeping; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.bookkeeping IS 'Versions of this schema that were applied; the greatest is the one in force.';


--
-- Name: brownout; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.brownout (
    contract text NOT NULL,
    change text NOT NULL,
    until timestamp with time zone NOT NULL
);


ALTER TABLE oriel.brownout OWNER TO oriel_owner;

--
-- Name: TABLE brownout; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.brownout IS 'Contracts whose grant is revoked for a while. Written in the transaction that revokes, so that whoever comes after a killed `oriel change brownout` (the worker, or any `oriel change`) knows what to give back, and when.';


--
-- Name: change_fill; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.change_fill (
    change text NOT NULL,
    next_key bigint NOT NULL,
    last_key bigint NOT NULL,
    rows bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE oriel.change_fill OWNER TO oriel_owner;

--
-- Name: TABLE change_fill; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.change_fill IS 'How far each fill is: keys below next_key are done. Written in the transaction of each range of keys.';


--
-- Name: change_log; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.change_log (
    id bigint NOT NULL,
    change text NOT NULL,
    step text NOT NULL,
    sha256 text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT change_log_step_check CHECK ((step = ANY (ARRAY['expand'::text, 'fill'::text, 'prove'::text, 'brownout'::text, 'contract'::text, 'revert'::text])))
);


ALTER TABLE oriel.change_log OWNER TO oriel_owner;

--
-- Name: TABLE change_log; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.change_log IS 'Every step that was ever done, in order; nothing is taken away.';


--
-- Name: change_log_id_seq; Type: SEQUENCE; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE oriel.change_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME oriel.change_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: change_step; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.change_step (
    change text NOT NULL,
    step text NOT NULL,
    sha256 text NOT NULL,
    sql text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT change_step_step_check CHECK ((step = ANY (ARRAY['expand'::text, 'fill'::text, 'prove'::text, 'brownout'::text, 'contract'::text])))
);


ALTER TABLE oriel.change_step OWNER TO oriel_owner;

--
-- Name: TABLE change_step; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.change_step IS 'What holds now of each change, with the text as it was applied. A revert takes a change''s rows away.';


--
-- Name: delivery; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.delivery (
    id bigint NOT NULL,
    source text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    size bigint NOT NULL,
    next_offset bigint DEFAULT 0 NOT NULL,
    records bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);


ALTER TABLE oriel.delivery OWNER TO oriel_owner;

--
-- Name: TABLE delivery; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.delivery IS 'Files of a source by content: how far each is loaded (the byte at which the next batch begins) and when it was finished.';


--
-- Name: delivery_id_seq; Type: SEQUENCE; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE oriel.delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME oriel.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: entity; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.entity (
    name text NOT NULL,
    data_version bigint DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone,
    next_id bigint DEFAULT 1 NOT NULL
);


ALTER TABLE oriel.entity OWNER TO oriel_owner;

--
-- Name: TABLE entity; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.entity IS 'Per entity: its data version, counted up by each batch that changed a row, and the next surrogate id. Ids come from here and not from a sequence, because a sequence does not roll back: after a crash the same input gets the same ids.';


--
-- Name: source; Type: TABLE; Schema: oriel; Owner: oriel_owner
--

CREATE TABLE oriel.source (
    name text NOT NULL,
    client text NOT NULL,
    state text DEFAULT 'ready'::text NOT NULL,
    message text,
    looked_at timestamp with time zone,
    batch_at timestamp with time zone,
    batches bigint DEFAULT 0 NOT NULL,
    records bigint DEFAULT 0 NOT NULL,
    CONSTRAINT source_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'waiting'::text, 'stopped'::text])))
);


ALTER TABLE oriel.source OWNER TO oriel_owner;

--
-- Name: TABLE source; Type: COMMENT; Schema: oriel; Owner: oriel_owner
--

COMMENT ON TABLE oriel.source IS 'Per source: state (waiting: a failure is tried again; stopped: a person is needed), and what it has delivered.';


--
-- Name: batch; Type: TABLE; Schema: raw; Owner: oriel_owner
--

CREATE TABLE raw.batch (
    id bigint NOT NULL,
    source text NOT NULL,
    client text NOT NULL,
    delivery bigint,
    first_record bigint NOT NULL,
    "offset" bigint NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    n_records integer NOT NULL,
    format jsonb NOT NULL,
    header bytea,
    entities jsonb NOT NULL,
    records bytea[] NOT NULL
);
ALTER TABLE ONLY raw.batch ALTER COLUMN records SET COMPRESSION lz4;


ALTER TABLE raw.batch OWNER TO oriel_owner;

--
-- Name: TABLE batch; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON TABLE raw.batch IS 'Input as it came, byte for byte: element n of records is record n of the batch. Bytes, not text, because a text cannot hold what does not decode, and a source whose encoding was declared wrongly must be replayable once that is mended.';


--
-- Name: COLUMN batch.first_record; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.batch.first_record IS 'Number of the batch''s first record within its delivery, counted from 1.';


--
-- Name: COLUMN batch."offset"; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.batch."offset" IS 'Byte of the delivery at which the first record begins.';


--
-- Name: COLUMN batch.format; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.batch.format IS 'How to read the records again: format, dialect, encoding, as in the source file.';


--
-- Name: COLUMN batch.header; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.batch.header IS 'The header record of a CSV or TSV delivery, as it came.';


--
-- Name: COLUMN batch.entities; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.batch.entities IS 'Entity files that cleaned the batch, each with the SHA-256 of its text.';


--
-- Name: batch_entity; Type: TABLE; Schema: raw; Owner: oriel_owner
--

CREATE TABLE raw.batch_entity (
    batch bigint NOT NULL,
    entity text NOT NULL,
    inserted integer DEFAULT 0 NOT NULL,
    updated integer DEFAULT 0 NOT NULL,
    unchanged integer DEFAULT 0 NOT NULL,
    rejected integer DEFAULT 0 NOT NULL,
    parked integer DEFAULT 0 NOT NULL
);


ALTER TABLE raw.batch_entity OWNER TO oriel_owner;

--
-- Name: TABLE batch_entity; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON TABLE raw.batch_entity IS 'What became of each record of a batch, per entity file. The five counts always add up to raw.batch.n_records; a parked record moves to another count of its own batch when it is taken up.';


--
-- Name: batch_id_seq; Type: SEQUENCE; Schema: raw; Owner: oriel_owner
--

ALTER TABLE raw.batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME raw.batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: parked; Type: TABLE; Schema: raw; Owner: oriel_owner
--

CREATE TABLE raw.parked (
    batch bigint NOT NULL,
    line integer NOT NULL,
    entity text NOT NULL,
    field text NOT NULL,
    client text NOT NULL,
    target text NOT NULL,
    key text NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE raw.parked OWNER TO oriel_owner;

--
-- Name: TABLE parked; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON TABLE raw.parked IS 'Records that refer to one which has not come yet: what each waits for. Taken up, from raw, in the batch that brings it.';


--
-- Name: COLUMN parked.client; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON COLUMN raw.parked.client IS 'Whose record it waits for; empty where the target''s key does not hold the client.';


--
-- Name: record; Type: VIEW; Schema: raw; Owner: oriel_owner
--

CREATE VIEW raw.record AS
 SELECT b.id AS batch,
    (r.line)::integer AS line,
    b.source,
    b.client,
    b.received_at,
    d.name AS delivery,
    ((b.first_record + r.line) - 1) AS record,
    raw.as_text(r.bytes, COALESCE((b.format ->> 'encoding'::text), 'UTF8'::text)) AS text,
    r.bytes
   FROM ((raw.batch b
     LEFT JOIN oriel.delivery d ON ((d.id = b.delivery)))
     CROSS JOIN LATERAL unnest(b.records) WITH ORDINALITY r(bytes, line));


ALTER TABLE raw.record OWNER TO oriel_owner;

--
-- Name: VIEW record; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON VIEW raw.record IS 'raw.batch unfolded: one row per record, numbered within its batch (line) and its delivery (record).';


--
-- Name: reject; Type: TABLE; Schema: raw; Owner: oriel_owner
--

CREATE TABLE raw.reject (
    id bigint NOT NULL,
    batch bigint NOT NULL,
    line integer NOT NULL,
    entity text NOT NULL,
    field text,
    rule text NOT NULL,
    value text,
    reason text NOT NULL,
    action text NOT NULL,
    message text,
    CONSTRAINT reject_action_check CHECK ((action = ANY (ARRAY['reject'::text, 'null'::text, 'default'::text]))),
    CONSTRAINT reject_reason_check CHECK ((reason = ANY (ARRAY['missing'::text, 'malformed'::text, 'out_of_range'::text, 'too_long'::text, 'pattern'::text, 'not_in_enum'::text, 'bad_encoding'::text, 'bad_unit'::text, 'unresolved_reference'::text, 'duplicate_in_batch'::text, 'stale'::text, 'constraint'::text])))
);


ALTER TABLE raw.reject OWNER TO oriel_owner;

--
-- Name: TABLE reject; Type: COMMENT; Schema: raw; Owner: oriel_owner
--

COMMENT ON TABLE raw.reject IS 'Every reason why a record (action reject) or one of its values (null, default) was not taken. line is the number of the record in its batch; entity is the entity file.';


--
-- Name: reject_id_seq; Type: SEQUENCE; Schema: raw; Owner: oriel_owner
--

ALTER TABLE raw.reject ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME raw.reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: batch; Type: TABLE DATA; Schema: dp; Owner: oriel_owner
--

COPY dp.batch (id, client, external_id, product_id, lot, description, quantity, weight_kg, produced_on, expires_on, raw_batch, raw_line, gone_at) FROM stdin;
\.


--
-- Data for Name: product; Type: TABLE DATA; Schema: dp; Owner: oriel_owner
--

COPY dp.product (id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at, raw_batch, raw_line, gone_at, price_cents, currency) FROM stdin;
1	acme	P-1	1	Oak Stool	furniture	12.50	\N	["new"]	2026-01-02 03:04:05+00	1	1	\N	1250	EUR
2	acme	P-2	1	Plain Bench	\N	\N	\N	\N	2026-01-02 03:04:06+00	1	2	\N	\N	EUR
\.


--
-- Data for Name: vendor; Type: TABLE DATA; Schema: dp; Owner: oriel_owner
--

COPY dp.vendor (id, client, external_id, name, country, raw_batch, raw_line, gone_at) FROM stdin;
1	acme	V-1	One & Sons	NO	1	2	\N
2	acme	V-2	Two	\N	1	3	\N
\.


--
-- Data for Name: bookkeeping; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.bookkeeping (version, program, applied_at) FROM stdin;
1	oriel 0.1.0	2026-11-22 22:09:53.837007+00
\.


--
-- Data for Name: brownout; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.brownout (contract, change, until) FROM stdin;
\.


--
-- Data for Name: change_fill; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.change_fill (change, next_key, last_key, rows, started_at, updated_at) FROM stdin;
\.


--
-- Data for Name: change_log; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.change_log (id, change, step, sha256, at, by) FROM stdin;
1	0001-vendors-products-batches	expand	d803bd3ef701cb946504d6cc22f7b92fe82756c5385f5caf95d9a9d007c1ea40	2026-11-22 22:09:54.025326+00	oriel_dp
2	0002-price-cents	expand	98d0f1d69b34bedb6cba12f077ae45b0e27c0c7e2b085a9b23f24ad31160d835	2026-11-22 22:09:54.076993+00	oriel_dp
\.


--
-- Data for Name: change_step; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.change_step (change, step, sha256, sql, applied_at) FROM stdin;
0001-vendors-products-batches	expand	d803bd3ef701cb946504d6cc22f7b92fe82756c5385f5caf95d9a9d007c1ea40	-- The first change: vendors, their products, and the batches these come in, per client. Tables are private to the\n-- worker; what readers get is named, column by column, in the contracts below.\n--\n-- The views have no security_barrier: they hide no row from one reader that another may see, only rows that are gone, and\n-- behind a barrier Postgres cannot take the order of an index (a page of 100 out of 100,000 rows: 32 ms with it, 0.2 ms\n-- without). A view that filters by who asks must have it.\n\nCREATE TABLE dp.vendor (\n    id           bigint PRIMARY KEY,\n    client       text NOT NULL,\n    external_id  text NOT NULL,\n    name         text NOT NULL,\n    country      text,\n    raw_batch    bigint NOT NULL,\n    raw_line     integer NOT NULL,\n    gone_at      timestamptz,\n    UNIQUE (client, external_id)\n);\nCOMMENT ON TABLE dp.vendor IS 'One row per vendor of a client. external_id is the client''s own name for it; raw_batch and raw_line say which kept record the row came from.';\n\nCREATE TABLE dp.product (\n    id           bigint PRIMARY KEY,\n    client       text NOT NULL,\n    external_id  text NOT NULL,\n    vendor_id    bigint REFERENCES dp.vendor,\n    name         text NOT NULL,\n    category     text,\n    price        numeric(12,2),\n    in_stock     boolean,\n    tags         jsonb,\n    updated_at   timestamptz,\n    raw_batch    bigint NOT NULL,\n    raw_line     integer NOT NULL,\n    gone_at      timestamptz,\n    UNIQUE (client, external_id)\n);\nCREATE INDEX product_vendor ON dp.product (vendor_id);\n\nCREATE TABLE dp.batch (\n    id           bigint PRIMARY KEY,\n    client       text NOT NULL,\n    external_id  text NOT NULL,\n    product_id   bigint NOT NULL REFERENCES dp.product,\n    lot          text,\n    description  text,\n    quantity     integer,\n    weight_kg    numeric(14,3),\n    produced_on  date,\n    expires_on   date,\n    raw_batch    bigint NOT NULL,\n    raw_line     integer NOT NULL,\n    gone_at      timestamptz,\n    UNIQUE (client, external_id)\n);\nCREATE INDEX batch_product ON dp.batch (product_id);\n\nCREATE VIEW api.v_vendors_v1 AS\nSELECT v.id, v.client, v.external_id, v.name, v.country\nFROM dp.vendor v\nWHERE v.gone_at IS NULL;\nCOMMENT ON VIEW api.v_vendors_v1 IS\n    E'Vendors: who sells, makes or labels the products.\\n@primaryKey id\\n@unique client, external_id';\nCOMMENT ON COLUMN api.v_vendors_v1.id IS E'Oriel''s own number for the vendor; it stays.\\n@notNull';\nCOMMENT ON COLUMN api.v_vendors_v1.client IS E'The client whose vendor it is.\\n@notNull';\nCOMMENT ON COLUMN api.v_vendors_v1.external_id IS E'The client''s own identifier.\\n@notNull';\nCOMMENT ON COLUMN api.v_vendors_v1.name IS E'As the client spells it, trimmed.\\n@notNull';\nCOMMENT ON COLUMN api.v_vendors_v1.country IS 'Country, as the client gives it.';\nGRANT SELECT ON api.v_vendors_v1 TO oriel_ds;\n\nCREATE VIEW api.v_products_v1 AS\nSELECT p.id, p.client, p.external_id, p.vendor_id, p.name, p.category, p.price, p.in_stock, p.tags, p.updated_at\nFROM dp.product p\nWHERE p.gone_at IS NULL;\nCOMMENT ON VIEW api.v_products_v1 IS\n    E'Products on offer.\\n@primaryKey id\\n@unique client, external_id\\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor';\nCOMMENT ON COLUMN api.v_products_v1.id IS E'Oriel''s own number for the product; it stays.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v1.client IS E'The client whose product it is.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v1.external_id IS E'The client''s own identifier.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v1.vendor_id IS 'The vendor; null when the client names none.';\nCOMMENT ON COLUMN api.v_products_v1.name IS E'As the client spells it, trimmed.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v1.category IS 'The client''s own category.';\nCOMMENT ON COLUMN api.v_products_v1.price IS 'Price of one, in the client''s currency.';\nCOMMENT ON COLUMN api.v_products_v1.in_stock IS 'Whether it can be had now; null when unknown.';\nCOMMENT ON COLUMN api.v_products_v1.tags IS 'A list of words.';\nCOMMENT ON COLUMN api.v_products_v1.updated_at IS 'When the client last changed the record.';\nGRANT SELECT ON api.v_products_v1 TO oriel_ds;\n\nCREATE VIEW api.v_batches_v1 AS\nSELECT b.id, b.client, b.external_id, b.product_id, b.lot, b.description, b.quantity, b.weight_kg, b.produced_on,\n       b.expires_on\nFROM dp.batch b\nWHERE b.gone_at IS NULL;\nCOMMENT ON VIEW api.v_batches_v1 IS\n    E'Batches: the lots or packages that a product comes in.\\n@primaryKey id\\n@unique client, external_id\\n@foreignKey (product_id) references v_products_v1 (id)|@name product';\nCOMMENT ON COLUMN api.v_batches_v1.id IS E'Oriel''s own number for the batch; it stays.\\n@notNull';\nCOMMENT ON COLUMN api.v_batches_v1.client IS E'The client whose batch it is.\\n@notNull';\nCOMMENT ON COLUMN api.v_batches_v1.external_id IS E'The client''s own identifier.\\n@notNull';\nCOMMENT ON COLUMN api.v_batches_v1.product_id IS E'The product that is in it.\\n@notNull';\nCOMMENT ON COLUMN api.v_batches_v1.lot IS 'The lot''s number or name, as printed.';\nCOMMENT ON COLUMN api.v_batches_v1.description IS 'What the batch is, in the client''s words.';\nCOMMENT ON COLUMN api.v_batches_v1.quantity IS 'How many pieces, bags or boxes.';\nCOMMENT ON COLUMN api.v_batches_v1.weight_kg IS 'Weight of the whole batch, in kilograms.';\nCOMMENT ON COLUMN api.v_batches_v1.produced_on IS 'Day of production, harvest grading or packing.';\nCOMMENT ON COLUMN api.v_batches_v1.expires_on IS 'Last day of use.';\nGRANT SELECT ON api.v_batches_v1 TO oriel_ds;\n	2026-11-22 22:09:54.025326+00
0002-price-cents	expand	98d0f1d69b34bedb6cba12f077ae45b0e27c0c7e2b085a9b23f24ad31160d835	-- A price becomes a whole number of cents with its currency beside it, in a second version of the contract. The first one\n-- stays until nobody reads it.\n--\n-- Until contract, price is what counts and version 2 is computed from it: a worker of the release before knows only price,\n-- may go on at any time before all are replaced, and would leave a price_cents behind that is out of date. The currency\n-- has a default for the same reason: that worker goes on writing rows, and all its prices are in euro.\n\nALTER TABLE dp.product\n    ADD COLUMN price_cents bigint,\n    ADD COLUMN currency text DEFAULT 'EUR',\n    ADD CONSTRAINT product_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID;\n\nCREATE VIEW api.v_products_v2 AS\nSELECT p.id, p.client, p.external_id, p.vendor_id, p.name, p.category, (p.price * 100)::bigint AS price_cents,\n       coalesce(p.currency, 'EUR') AS currency, p.in_stock, p.tags, p.updated_at\nFROM dp.product p\nWHERE p.gone_at IS NULL;\nCOMMENT ON VIEW api.v_products_v2 IS\n    E'Products on offer, priced in cents of a named currency.\\n@primaryKey id\\n@unique client, external_id\\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor';\nCOMMENT ON COLUMN api.v_products_v2.id IS E'Oriel''s own number for the product; it stays.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v2.client IS E'The client whose product it is.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v2.external_id IS E'The client''s own identifier.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v2.vendor_id IS 'The vendor; null when the client names none.';\nCOMMENT ON COLUMN api.v_products_v2.name IS E'As the client spells it, trimmed.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v2.category IS 'The client''s own category.';\nCOMMENT ON COLUMN api.v_products_v2.price_cents IS 'Price of one, in hundredths of the currency; null when the client names none.';\nCOMMENT ON COLUMN api.v_products_v2.currency IS E'Currency of the price, as ISO 4217 writes it.\\n@notNull';\nCOMMENT ON COLUMN api.v_products_v2.in_stock IS 'Whether it can be had now; null when unknown.';\nCOMMENT ON COLUMN api.v_products_v2.tags IS 'A list of words.';\nCOMMENT ON COLUMN api.v_products_v2.updated_at IS 'When the client last changed the record.';\nGRANT SELECT ON api.v_products_v2 TO oriel_ds;\n\nCOMMENT ON VIEW api.v_products_v1 IS\n    E'Products on offer.\\n@primaryKey id\\n@unique client, external_id\\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor\\n@deprecated\\n@sunset 2099-01-01\\n@successor v_products_v2';\n	2026-11-22 22:09:54.076993+00
\.


--
-- Data for Name: delivery; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.delivery (id, source, name, sha256, size, next_offset, records, started_at, finished_at) FROM stdin;
1	acme	records.ndjson	48363661d6fbc2949a00b433d2debea60b77b057cad405b9153b324e43ef9ed9	517	517	4	2026-11-22 22:09:54.321171+00	2026-11-22 22:09:54.321171+00
\.


--
-- Data for Name: entity; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.entity (name, data_version, changed_at, next_id) FROM stdin;
vendor	1	2026-11-22 22:09:54.321171+00	3
product	1	2026-11-22 22:09:54.321171+00	3
\.


--
-- Data for Name: source; Type: TABLE DATA; Schema: oriel; Owner: oriel_owner
--

COPY oriel.source (name, client, state, message, looked_at, batch_at, batches, records) FROM stdin;
acme	acme	ready	\N	2026-11-22 22:09:54.321171+00	2026-11-22 22:09:54.321171+00	1	4
\.


--
-- Data for Name: batch; Type: TABLE DATA; Schema: raw; Owner: oriel_owner
--

COPY raw.batch (id, source, client, delivery, first_record, "offset", received_at, n_records, format, header, entities, records) FROM stdin;
1	acme	acme	1	1	0	2026-11-22 22:09:54.321171+00	4	{"format": "ndjson", "encoding": "UTF-8"}	\N	{"acme-vendor": "00e90b0c2bc04c1c200b10f1af30d462d406610cc9d9deb66f31dd3ace2ddff8", "acme-product": "7112138dd47a98843643eb8571681286b72b6c13b4721c1e8aac0ebb705e43f5"}	{"\\\\x7b226964223a22502d31222c226e616d65223a224f616b2053746f6f6c222c2263617465676f7279223a226675726e6974757265222c227072696365223a2231322c3530222c22696e5f73746f636b223a22796573222c2274616773223a5b226e6577225d2c226d6f646966696564223a22323032362d30312d30325430333a30343a30355a222c2276656e646f72223a7b226964223a22562d31222c226e616d65223a224f6e65202620536f6e73222c22636f756e747279223a224e4f227d7d","\\\\x7b226964223a22502d32222c226e616d65223a22506c61696e2042656e6368222c227072696365223a226f6e2072657175657374222c226d6f646966696564223a22323032362d30312d30325430333a30343a30365a222c2276656e646f72223a7b226964223a22562d31222c226e616d65223a224f6e65202620536f6e73222c22636f756e747279223a224e4f227d7d","\\\\x7b226964223a22502d33222c226d6f646966696564223a22323032362d30312d30325430333a30343a30375a222c2276656e646f72223a7b226964223a22562d32222c226e616d65223a2254776f227d7d","\\\\x7b226964223a22502d34222c226e616d65223a2256696365222c227072696365223a2237222c226d6f646966696564223a22323032362d30312d30325430333a30343a30385a222c2276656e646f72223a7b226964223a22562d39227d7d"}
\.


--
-- Data for Name: batch_entity; Type: TABLE DATA; Schema: raw; Owner: oriel_owner
--

COPY raw.batch_entity (batch, entity, inserted, updated, unchanged, rejected, parked) FROM stdin;
1	acme-vendor	2	0	1	1	0
1	acme-product	2	0	0	1	1
\.


--
-- Data for Name: parked; Type: TABLE DATA; Schema: raw; Owner: oriel_owner
--

COPY raw.parked (batch, line, entity, field, client, target, key, parked_at) FROM stdin;
1	4	acme-product	vendor_id	acme	vendor	V-9	2026-11-22 22:09:54.321171+00
\.


--
-- Data for Name: reject; Type: TABLE DATA; Schema: raw; Owner: oriel_owner
--

COPY raw.reject (id, batch, line, entity, field, rule, value, reason, action, message) FROM stdin;
1	1	2	acme-product	price	number	on request	malformed	null	\N
2	1	2	acme-product	price_cents	integer	on request	malformed	null	\N
3	1	3	acme-product	name	required	\N	missing	reject	\N
4	1	4	acme-vendor	name	required	\N	missing	reject	\N
\.


--
-- Name: change_log_id_seq; Type: SEQUENCE SET; Schema: oriel; Owner: oriel_owner
--

SELECT pg_catalog.setval('oriel.change_log_id_seq', 2, true);


--
-- Name: delivery_id_seq; Type: SEQUENCE SET; Schema: oriel; Owner: oriel_owner
--

SELECT pg_catalog.setval('oriel.delivery_id_seq', 1, true);


--
-- Name: batch_id_seq; Type: SEQUENCE SET; Schema: raw; Owner: oriel_owner
--

SELECT pg_catalog.setval('raw.batch_id_seq', 1, true);


--
-- Name: reject_id_seq; Type: SEQUENCE SET; Schema: raw; Owner: oriel_owner
--

SELECT pg_catalog.setval('raw.reject_id_seq', 4, true);


--
-- Name: batch batch_client_external_id_key; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.batch
    ADD CONSTRAINT batch_client_external_id_key UNIQUE (client, external_id);


--
-- Name: batch batch_pkey; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);


--
-- Name: product product_client_external_id_key; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.product
    ADD CONSTRAINT product_client_external_id_key UNIQUE (client, external_id);


--
-- Name: product product_currency; Type: CHECK CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE dp.product
    ADD CONSTRAINT product_currency CHECK ((currency ~ '^[A-Z]{3}$'::text)) NOT VALID;


--
-- Name: product product_pkey; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.product
    ADD CONSTRAINT product_pkey PRIMARY KEY (id);


--
-- Name: vendor vendor_client_external_id_key; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.vendor
    ADD CONSTRAINT vendor_client_external_id_key UNIQUE (client, external_id);


--
-- Name: vendor vendor_pkey; Type: CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.vendor
    ADD CONSTRAINT vendor_pkey PRIMARY KEY (id);


--
-- Name: bookkeeping bookkeeping_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.bookkeeping
    ADD CONSTRAINT bookkeeping_pkey PRIMARY KEY (version);


--
-- Name: brownout brownout_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.brownout
    ADD CONSTRAINT brownout_pkey PRIMARY KEY (contract);


--
-- Name: change_fill change_fill_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.change_fill
    ADD CONSTRAINT change_fill_pkey PRIMARY KEY (change);


--
-- Name: change_log change_log_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.change_log
    ADD CONSTRAINT change_log_pkey PRIMARY KEY (id);


--
-- Name: change_step change_step_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.change_step
    ADD CONSTRAINT change_step_pkey PRIMARY KEY (change, step);


--
-- Name: delivery delivery_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);


--
-- Name: delivery delivery_source_sha256_size_key; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.delivery
    ADD CONSTRAINT delivery_source_sha256_size_key UNIQUE (source, sha256, size);


--
-- Name: entity entity_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.entity
    ADD CONSTRAINT entity_pkey PRIMARY KEY (name);


--
-- Name: source source_pkey; Type: CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (name);


--
-- Name: batch_entity batch_entity_pkey; Type: CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.batch_entity
    ADD CONSTRAINT batch_entity_pkey PRIMARY KEY (batch, entity);


--
-- Name: batch batch_pkey; Type: CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);


--
-- Name: parked parked_pkey; Type: CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.parked
    ADD CONSTRAINT parked_pkey PRIMARY KEY (batch, line, entity, field);


--
-- Name: reject reject_pkey; Type: CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.reject
    ADD CONSTRAINT reject_pkey PRIMARY KEY (id);


--
-- Name: batch_product; Type: INDEX; Schema: dp; Owner: oriel_owner
--

CREATE INDEX batch_product ON dp.batch USING btree (product_id);


--
-- Name: product_vendor; Type: INDEX; Schema: dp; Owner: oriel_owner
--

CREATE INDEX product_vendor ON dp.product USING btree (vendor_id);


--
-- Name: batch_delivery; Type: INDEX; Schema: raw; Owner: oriel_owner
--

CREATE INDEX batch_delivery ON raw.batch USING btree (delivery);


--
-- Name: parked_target; Type: INDEX; Schema: raw; Owner: oriel_owner
--

CREATE INDEX parked_target ON raw.parked USING btree (target, client, key);


--
-- Name: reject_batch_line; Type: INDEX; Schema: raw; Owner: oriel_owner
--

CREATE INDEX reject_batch_line ON raw.reject USING btree (batch, line);


--
-- Name: batch batch_product_id_fkey; Type: FK CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.batch
    ADD CONSTRAINT batch_product_id_fkey FOREIGN KEY (product_id) REFERENCES dp.product(id);


--
-- Name: product product_vendor_id_fkey; Type: FK CONSTRAINT; Schema: dp; Owner: oriel_owner
--

ALTER TABLE ONLY dp.product
    ADD CONSTRAINT product_vendor_id_fkey FOREIGN KEY (vendor_id) REFERENCES dp.vendor(id);


--
-- Name: delivery delivery_source_fkey; Type: FK CONSTRAINT; Schema: oriel; Owner: oriel_owner
--

ALTER TABLE ONLY oriel.delivery
    ADD CONSTRAINT delivery_source_fkey FOREIGN KEY (source) REFERENCES oriel.source(name);


--
-- Name: batch batch_delivery_fkey; Type: FK CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.batch
    ADD CONSTRAINT batch_delivery_fkey FOREIGN KEY (delivery) REFERENCES oriel.delivery(id);


--
-- Name: batch_entity batch_entity_batch_fkey; Type: FK CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.batch_entity
    ADD CONSTRAINT batch_entity_batch_fkey FOREIGN KEY (batch) REFERENCES raw.batch(id);


--
-- Name: batch batch_source_fkey; Type: FK CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.batch
    ADD CONSTRAINT batch_source_fkey FOREIGN KEY (source) REFERENCES oriel.source(name);


--
-- Name: parked parked_batch_fkey; Type: FK CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.parked
    ADD CONSTRAINT parked_batch_fkey FOREIGN KEY (batch) REFERENCES raw.batch(id);


--
-- Name: reject reject_batch_fkey; Type: FK CONSTRAINT; Schema: raw; Owner: oriel_owner
--

ALTER TABLE ONLY raw.reject
    ADD CONSTRAINT reject_batch_fkey FOREIGN KEY (batch) REFERENCES raw.batch(id);


--
-- Name: SCHEMA api; Type: ACL; Schema: -; Owner: oriel_owner
--

GRANT USAGE ON SCHEMA api TO oriel_ds;


--
-- Name: FUNCTION lo_creat(integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC;


--
-- Name: FUNCTION lo_create(oid); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC;


--
-- Name: FUNCTION lo_from_bytea(oid, bytea); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;


--
-- Name: FUNCTION lo_open(oid, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_open(oid, integer) FROM PUBLIC;


--
-- Name: FUNCTION lo_put(oid, bigint, bytea); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_put(oid, bigint, bytea) FROM PUBLIC;


--
-- Name: FUNCTION lo_truncate(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_truncate(integer, integer) FROM PUBLIC;


--
-- Name: FUNCTION lo_truncate64(integer, bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_truncate64(integer, bigint) FROM PUBLIC;


--
-- Name: FUNCTION lo_unlink(oid); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_unlink(oid) FROM PUBLIC;


--
-- Name: FUNCTION lowrite(integer, bytea); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lowrite(integer, bytea) FROM PUBLIC;


--
-- Name: FUNCTION as_text(record bytea, encoding text); Type: ACL; Schema: raw; Owner: oriel_owner
--

REVOKE ALL ON FUNCTION raw.as_text(record bytea, encoding text) FROM PUBLIC;


--
-- Name: TABLE v_batches_v1; Type: ACL; Schema: api; Owner: oriel_owner
--

GRANT SELECT ON TABLE api.v_batches_v1 TO oriel_ds;


--
-- Name: TABLE v_products_v1; Type: ACL; Schema: api; Owner: oriel_owner
--

GRANT SELECT ON TABLE api.v_products_v1 TO oriel_ds;


--
-- Name: TABLE v_products_v2; Type: ACL; Schema: api; Owner: oriel_owner
--

GRANT SELECT ON TABLE api.v_products_v2 TO oriel_ds;


--
-- Name: TABLE v_vendors_v1; Type: ACL; Schema: api; Owner: oriel_owner
--

GRANT SELECT ON TABLE api.v_vendors_v1 TO oriel_ds;


--
-- Name: DEFAULT PRIVILEGES FOR TYPES; Type: DEFAULT ACL; Schema: -; Owner: oriel_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE oriel_owner REVOKE ALL ON TYPES  FROM PUBLIC;


--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: oriel_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE oriel_owner REVOKE ALL ON FUNCTIONS  FROM PUBLIC;


--
-- PostgreSQL database dump complete
--
