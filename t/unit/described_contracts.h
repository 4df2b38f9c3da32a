/*
 * A fixed set of contracts for tests of what is written about contracts: names that want quoting, every kind of type, a
 * foreign key to another version, one that is deprecated.
 */
#ifndef ORIEL_DESCRIBED_CONTRACTS_H
#define ORIEL_DESCRIBED_CONTRACTS_H

#include "lib/contract.h"

static struct contract_column odd_columns[] = {
    {.name = "order", .type = "character varying(8)", .not_null = true, .comment = "Ends */ here.\n\"Quoted\"."},
    {.name = "say \"hi\"", .type = "boolean"},
    {.name = "words", .type = "text[]", .not_null = true},
    {.name = "mood", .type = "api.mood"},
    {.name = "at", .type = "timestamp(3) with time zone"},
    {.name = "ratio", .type = "numeric(5,2)"},
    {.name = "n", .type = "smallint"},
    {.name = "document", .type = "jsonb", .not_null = true},
};
static struct contract_column part_columns[] = {
    {.name = "country", .type = "text"},
    {.name = "number", .type = "integer"},
    {.name = "odd", .type = "character varying(8)"},
};
static const char *const order_key[] = {"order", NULL}, *const part_key[] = {"country", "number", NULL},
                         *const odd_column[] = {"odd", NULL}, *const no_key[] = {NULL};
static const char *const *part_uniques[] = {odd_column};
static struct contract_foreign_key part_keys[] = {
    {.columns = odd_column, .target = "v_a/{b}_v1", .target_columns = order_key},
    {.columns = odd_column, .target = "v_a/{b}_v2", .target_columns = order_key, .name = "newer"},
};

static struct contract described[] = {
    {.view = "v_a/{b}_v1",
     .entity = "a/{b}",
     .version = 1,
     .columns = odd_columns,
     .n_columns = ARRAY_SIZE(odd_columns),
     .key = order_key,
     .deprecated = true,
     .sunset = "2027-03-01",
     .successor = "v_a/{b}_v2",
     .cache_seconds = -1,
     .output = "",
     .definition = ""},
    {.view = "v_a/{b}_v2",
     .entity = "a/{b}",
     .version = 2,
     .comment = "Oddities.",
     .columns = odd_columns,
     .n_columns = ARRAY_SIZE(odd_columns),
     .no_key = true,
     .key = no_key,
     .cache_seconds = -1,
     .output = "",
     .definition = ""},
    {.view = "v_parts_v1",
     .entity = "parts",
     .version = 1,
     .columns = part_columns,
     .n_columns = ARRAY_SIZE(part_columns),
     .key = part_key,
     .uniques = part_uniques,
     .n_uniques = 1,
     .foreign_keys = part_keys,
     .n_foreign_keys = ARRAY_SIZE(part_keys),
     .cache_seconds = -1,
     .output = "",
     .definition = ""},
};

static const struct contract_set described_set = {.contracts = described, .n = ARRAY_SIZE(described)};

#endif
