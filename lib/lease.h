/*
 * Leases: a reader that serves a contract holds a shared advisory lock on it for as long as its session lasts. Taking
 * one needs no write, it dies with the connection, and pg_locks shows who holds it. What drops a contract tries the
 * exclusive lock.
 *
 * An advisory lock is named by two integers: the first says that it is a lease, the second is a hash of the view's
 * name, made by the server so that all programs agree on it.
 */
#ifndef ORIEL_LEASE_H
#define ORIEL_LEASE_H

#define LEASE_CLASS     "1869770085" /* the letters "orie": told apart from other users of advisory locks */
#define LEASE_KEY(view) LEASE_CLASS ", pg_catalog.hashtext(" view ")"

#endif
