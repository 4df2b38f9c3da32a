-- Roles and rights, run by `oriel init` as a superuser inside Oriel's database. May be run again at any time: it brings
-- the roles and rights back to what is written here.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'oriel_owner') THEN
        CREATE ROLE oriel_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'oriel_dp') THEN
        CREATE ROLE oriel_dp LOGIN IN ROLE oriel_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'oriel_ds') THEN
        CREATE ROLE oriel_ds LOGIN;
    END IF;
    EXECUTE pg_catalog.format('ALTER DATABASE %I OWNER TO oriel_owner', pg_catalog.current_database());
    -- PUBLIC has nothing here: who is not named below cannot even connect.
    EXECUTE pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
    EXECUTE pg_catalog.format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO oriel_dp', pg_catalog.current_database());
    EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO oriel_ds', pg_catalog.current_database());
END
$$;

ALTER ROLE oriel_owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE oriel_dp LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE oriel_ds LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT oriel_owner TO oriel_dp;
-- who reads which contract, from where, and how far standbys lag, is otherwise hidden from all but superusers
GRANT pg_read_all_stats TO oriel_dp;
-- Both programs name every object in full; an empty path leaves nothing to be captured by a planted name.
ALTER ROLE oriel_dp SET search_path = '';
ALTER ROLE oriel_ds SET search_path = '';
-- A seat belt, not the lock: the lock is that the reader holds no grant but SELECT on contracts.
ALTER ROLE oriel_ds SET default_transaction_read_only = on;

DROP SCHEMA IF EXISTS public RESTRICT;
CREATE SCHEMA IF NOT EXISTS oriel AUTHORIZATION oriel_owner;
CREATE SCHEMA IF NOT EXISTS raw AUTHORIZATION oriel_owner;
CREATE SCHEMA IF NOT EXISTS dp AUTHORIZATION oriel_owner;
CREATE SCHEMA IF NOT EXISTS replay AUTHORIZATION oriel_owner;
CREATE SCHEMA IF NOT EXISTS api AUTHORIZATION oriel_owner;
REVOKE ALL ON SCHEMA oriel, raw, dp, replay, api FROM PUBLIC, oriel_ds;
GRANT USAGE ON SCHEMA api TO oriel_ds;

-- Postgres gives everybody EXECUTE on each new function and USAGE of each new type. Not here.
ALTER DEFAULT PRIVILEGES FOR ROLE oriel_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE oriel_owner REVOKE USAGE ON TYPES FROM PUBLIC;
-- Large objects can be made by whoever may call these, read-only default or not.
REVOKE EXECUTE ON FUNCTION
    pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea),
    pg_catalog.lo_open(oid, integer), pg_catalog.lo_put(oid, bigint, bytea), pg_catalog.lo_unlink(oid),
    pg_catalog.lowrite(integer, bytea), pg_catalog.lo_truncate(integer, integer),
    pg_catalog.lo_truncate64(integer, bigint)
FROM PUBLIC;
