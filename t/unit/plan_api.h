/*
 * A fixed set of contracts for tests of plan_make(): products@1 and @2, parts@1 with a key of two columns, logs@1
 * without one, and stock@1, which is withheld.
 *
 * Those with relations: items@1 refer to vendors@1 twice (vendor, and maker_id without a name) and to themselves
 * (parent); batches@1, batches@2, notes@1 (without a key), sheets@1 (one for an item) and stock@1 refer to items@1;
 * uses@1 joins items@1 with parts@1, pairs@1 items@1 with items@1.
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
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define KEYS(x)   .foreign_keys = (x), .n_foreign_keys = ARRAY_SIZE(x)

static struct contract_column item_columns[] = {
    {.name = "id", .type = "integer"},         {.name = "name", .type = "text"},
    {.name = "price", .type = "numeric(8,2)"}, {.name = "vendor_id", .type = "integer"},
    {.name = "maker_id", .type = "integer"},   {.name = "parent_id", .type = "integer"},
    {.name = "data", .type = "json"},
};
static struct contract_column vendor_columns[] = {
    {.name = "id", .type = "integer"}, {.name = "name", .type = "text"}, {.name = "moods", .type = "api.mood[]"}};
static struct contract_column batch_columns[] = {
    {.name = "id", .type = "integer"}, {.name = "item_id", .type = "integer"}, {.name = "lot", .type = "text"}};
static struct contract_column use_columns[] = {
    {.name = "item_id", .type = "integer"}, {.name = "country", .type = "text"}, {.name = "number", .type = "integer"}};
static struct contract_column pair_columns[] = {{.name = "one", .type = "integer"},
                                                {.name = "other", .type = "integer"}};
static struct contract_foreign_key item_keys[] = {
    {LIST("vendor_id"), "v_vendors_v1", LIST("id"), "vendor"}, {LIST("maker_id"), "v_vendors_v1", LIST("id"), NULL},
    {LIST("parent_id"), "v_items_v1", LIST("id"), "parent"},   {LIST("id"), "v_items_v1", LIST("nothing"), "broken"},
    {LIST("id"), "v_absent_v1", LIST("id"), "absent"},
};
static struct contract_foreign_key to_item[] = {{LIST("item_id"), "v_items_v1", LIST("id"), "item"}};
static struct contract_foreign_key stock_keys[] = {{LIST("number"), "v_items_v1", LIST("id"), NULL}};
static struct contract_foreign_key use_keys[] = {
    {LIST("item_id"), "v_items_v1", LIST("id"), NULL},
    {LIST("country", "number"), "v_parts_v1", LIST("country", "number"), "part"},
};
static struct contract_foreign_key pair_keys[] = {
    {LIST("one"), "v_items_v1", LIST("id"), "first"},
    {LIST("other"), "v_items_v1", LIST("id"), "second"},
};

static struct contract batches_1 = {.view = "v_batches_v1",
                                    .entity = "batches",
                                    .version = 1,
                                    .columns = batch_columns,
                                    .n_columns = 3,
                                    .key = product_key,
                                    KEYS(to_item)};
static struct contract batches_2 = {.view = "v_batches_v2",
                                    .entity = "batches",
                                    .version = 2,
                                    .columns = batch_columns,
                                    .n_columns = 2,
                                    .key = product_key,
                                    KEYS(to_item)};
static struct contract items_1 = {.view = "v_items_v1",
                                  .entity = "items",
                                  .version = 1,
                                  .columns = item_columns,
                                  .n_columns = ARRAY_SIZE(item_columns),
                                  .key = product_key,
                                  KEYS(item_keys)};
static struct contract notes_1 = {.view = "v_notes_v1",
                                  .entity = "notes",
                                  .version = 1,
                                  .columns = batch_columns,
                                  .n_columns = 3,
                                  .key = no_key,
                                  KEYS(to_item)};
static struct contract pairs_1 = {.view = "v_pairs_v1",
                                  .entity = "pairs",
                                  .version = 1,
                                  .columns = pair_columns,
                                  .n_columns = 2,
                                  .key = no_key,
                                  KEYS(pair_keys)};
static const char *const *sheet_uniques[] = {LIST("item_id")};
static struct contract sheets_1 = {.view = "v_sheets_v1",
                                   .entity = "sheets",
                                   .version = 1,
                                   .columns = batch_columns,
                                   .n_columns = 3,
                                   .key = product_key,
                                   .uniques = sheet_uniques,
                                   .n_uniques = 1,
                                   KEYS(to_item)};
static struct contract stock_1 = {.view = "v_stock_v1",
                                  .entity = "stock",
                                  .version = 1,
                                  .columns = part_columns,
                                  .n_columns = 2,
                                  .key = part_key,
                                  .foreign_keys = stock_keys,
                                  .n_foreign_keys = 1};
static struct contract uses_1 = {.view = "v_uses_v1",
                                 .entity = "uses",
                                 .version = 1,
                                 .columns = use_columns,
                                 .n_columns = 3,
                                 .key = no_key,
                                 KEYS(use_keys)};
static struct contract vendors_1 = {.view = "v_vendors_v1",
                                    .entity = "vendors",
                                    .version = 1,
                                    .columns = vendor_columns,
                                    .n_columns = 3,
                                    .key = product_key};

static struct api_contract api_contracts[] = {
    {.contract = &batches_1},
    {.contract = &batches_2},
    {.contract = &items_1},
    {.contract = &logs_1},
    {.contract = &notes_1},
    {.contract = &pairs_1},
    {.contract = &parts_1},
    {.contract = &products_1},
    {.contract = &products_2},
    {.contract = &sheets_1},
    {.contract = &stock_1, .withheld = "v_stock_v1 is not there"},
    {.contract = &uses_1},
    {.contract = &vendors_1},
};

static struct document api_documents[] = {{0, "{\"all\":0}", 9}, {1, "{\"v\":1}", 7}, {2, "{\"v\":2}", 7}};
static struct documents test_documents = {.list = api_documents, .n = ARRAY_SIZE(api_documents)};

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
                                             .if_none_match = "",
                                             .if_modified_since = "",
                                             .authorization = "",
                                             .origin = "",
                                             .asked_method = "",
                                             .asked_headers = ""};

#endif
