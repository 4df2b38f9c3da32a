/*
 * A fixed set of contracts for tests of plan_make(): products@1 and @2, parts@1 with a key of two columns, logs@1
 * without one, and stock@1, which is withheld.
 */
#ifndef ORIEL_PLAN_API_H
#define ORIEL_PLAN_API_H

#include "fcgi-app/plan.h"

static struct contract_column product_columns[] = {
    {.name = "id", .type = "integer"},
    {.name = "name", .type = "text"},
    {.name = "price", .type = "numeric(12,2)"},
    {.name = "tags", .type = "text[]"},
    {.name = "data", .type = "jsonb"},
    {.name = "words", .type = "tsvector"},
    {.name = "mood", .type = "api.mood"},
    {.name = "on \"sale\"", .type = "boolean"},
    {.name = "unit-code", .type = "character varying(8)"},
};
static struct contract_column part_columns[] = {
    {.name = "country", .type = "text"},
    {.name = "number", .type = "integer"},
};
static struct contract_column log_columns[] = {
    {.name = "at", .type = "timestamp(3) with time zone"},
    {.name = "document", .type = "json"},
};
static const char *const product_key[] = {"id", NULL}, *const part_key[] = {"country", "number", NULL},
                         *const no_key[] = {NULL};

static struct contract logs_1 = {
    .view = "v_logs_v1", .entity = "logs", .version = 1, .columns = log_columns, .n_columns = 2, .key = no_key};
static struct contract parts_1 = {
    .view = "v_parts_v1", .entity = "parts", .version = 1, .columns = part_columns, .n_columns = 2, .key = part_key};
static struct contract products_1 = {.view = "v_products_v1",
                                     .entity = "products",
                                     .version = 1,
                                     .columns = product_columns,
                                     .n_columns = ARRAY_SIZE(product_columns),
                                     .key = product_key};
static struct contract products_2 = {.view = "v_products_v2",
                                     .entity = "products",
                                     .version = 2,
                                     .columns = product_columns,
                                     .n_columns = 2,
                                     .key = product_key};
static struct contract stock_1 = {
    .view = "v_stock_v1", .entity = "stock", .version = 1, .columns = part_columns, .n_columns = 2, .key = part_key};

static struct api_contract api_contracts[] = {
    {&logs_1, NULL}, {&parts_1, NULL}, {&products_1, NULL}, {&products_2, NULL}, {&stock_1, "v_stock_v1 is not there"},
};

static const struct document api_documents[] = {{0, "{\"all\":0}", 9}, {1, "{\"v\":1}", 7}, {2, "{\"v\":2}", 7}};
static const struct documents test_documents = {api_documents, ARRAY_SIZE(api_documents)};

static const struct api test_api = {.contracts = api_contracts,
                                    .n = ARRAY_SIZE(api_contracts),
                                    .max_depth = 4,
                                    .retry_after = 5,
                                    .documents = &test_documents};

/* A GET without headers. */
static const struct request plain_request = {.method = "GET",
                                             .path = "/v1/products",
                                             .query = "",
                                             .accept = "",
                                             .prefer = "",
                                             .range = "",
                                             .accept_profile = "",
                                             .origin = "",
                                             .asked_method = "",
                                             .asked_headers = ""};

#endif
