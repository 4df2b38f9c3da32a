-- What readers know of the age of the data: nothing of its content, only whether it is still what it was.
ALTER TABLE oriel.entity
    ADD COLUMN number       integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN table_schema text,
    ADD COLUMN table_name   text;
COMMENT ON COLUMN oriel.entity.number IS 'What readers call it, since its name is not theirs to know.';
COMMENT ON COLUMN oriel.entity.table_name IS 'The table that the worker keeps for it, as its entity files say; written when the worker starts.';

-- Which entities lie behind each view, so that a reader may ask for their version alone. NULL where a version would not tell
-- all: the view reads a table that is no entity's, or what changes by itself (the clock, a setting other than the claims of
-- who asks, random numbers). Functions that are not immutable are taken to do so, but for those named here, which depend on
-- the time zone and the like at most. Postgres records no dependency on its own functions; they are found in the view's tree.
CREATE FUNCTION api.oriel_data_sources() RETURNS TABLE (view name, sources integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    WITH RECURSIVE used (view, relation) AS (
        SELECT c.relname, c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'api'::pg_catalog.regnamespace AND c.relkind = 'v'
        UNION
        SELECT u.view, d.refobjid
        FROM used u
        JOIN pg_catalog.pg_rewrite w ON w.ev_class = u.relation
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> u.relation
    ), relation (oid, ok, entities) AS (
        SELECT c.oid,
               CASE c.relkind
               WHEN 'v' THEN NOT EXISTS (
                   SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND (
                       w.ev_action::text ~ 'SQLVALUEFUNCTION|TABLESAMPLECLAUSE'
                       OR EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
                                  WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
                                    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.provolatile <> 'i')
                       OR EXISTS (SELECT FROM pg_catalog.regexp_matches(w.ev_action::text, ':funcid (\d+)', 'g') m
                                  JOIN pg_catalog.pg_proc p ON p.oid = m[1]::pg_catalog.oid
                                  WHERE p.provolatile <> 'i' AND p.proname <> ALL ('{array_to_json,array_to_string,concat,concat_ws,
                                      current_setting,date,date_part,date_trunc,extract,format,json_build_array,json_build_object,
                                      jsonb_build_array,jsonb_build_object,row_to_json,time,timestamp,timestamptz,timetz,to_char,
                                      to_date,to_json,to_jsonb,to_timestamp,to_tsvector,to_tsquery,plainto_tsquery,phraseto_tsquery,
                                      websearch_to_tsquery}'))))
               WHEN 'r' THEN e.numbers IS NOT NULL AND NOT c.relhassubclass
               ELSE false
               END,
               e.numbers
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (
            SELECT pg_catalog.array_agg(x.number) FROM oriel.entity x
            WHERE x.table_schema = n.nspname AND x.table_name = c.relname
        ) e (numbers) ON true
        WHERE c.oid IN (SELECT u.relation FROM used u)
    )
    SELECT u.view,
           CASE WHEN pg_catalog.bool_and(r.ok)
                THEN COALESCE(pg_catalog.array_agg(DISTINCT n.number) FILTER (WHERE n.number IS NOT NULL), '{}') END
    FROM used u
    JOIN relation r ON r.oid = u.relation
    LEFT JOIN LATERAL pg_catalog.unnest(r.entities) n (number) ON true
    GROUP BY u.view
$$;
COMMENT ON FUNCTION api.oriel_data_sources IS 'For responders: the entities behind each contract; NULL where their version does not tell all.';

-- A version of all these entities together, and when the last of it was written. Every step and every range of a change
-- counts too, whatever it changed; and the birth of this database, so that another one's versions are not taken for its own.
CREATE FUNCTION api.oriel_data_version(sources integer[], OUT version text, OUT changed_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    entities text;
    changes  text;
    fills    text;
    birth    timestamptz;
    change_at timestamptz;
    fill_at   timestamptz;
BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', e.number, e.data_version, e.changed_at), ',' ORDER BY e.number),
           pg_catalog.max(e.changed_at)
      INTO entities, changed_at FROM oriel.entity e WHERE e.number = ANY (oriel_data_version.sources);
    SELECT c.id::text, c.at INTO changes, change_at FROM oriel.change_log c ORDER BY c.id DESC LIMIT 1;
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', f.change, f.next_key, f.rows, f.updated_at), ',' ORDER BY f.change),
           pg_catalog.max(f.updated_at)
      INTO fills, fill_at FROM oriel.change_fill f;
    SELECT b.applied_at INTO birth FROM oriel.bookkeeping b WHERE b.version = 1;
    version := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
        pg_catalog.concat_ws('/', birth, COALESCE(changes, '-'), COALESCE(fills, '-'), COALESCE(entities, '-')), 'UTF8')), 'hex');
    changed_at := GREATEST(changed_at, change_at, fill_at, birth);
END
$$;
COMMENT ON FUNCTION api.oriel_data_version IS 'For responders: a hash that differs when rows of these entities may, and when they last did.';

REVOKE ALL ON FUNCTION api.oriel_data_sources(), api.oriel_data_version(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.oriel_data_sources(), api.oriel_data_version(integer[]) TO oriel_ds;
