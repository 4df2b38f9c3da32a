/* The Database type, to the byte where names want care. t/47-openapi.t compiles it. */
#include "t/unit/described_contracts.h"
#include "t/unit/tap.h"

#include "lib/typescript.h"

static struct buf out;

static void has(const char *text, const char *name)
{
    if (!ok(strstr(buf_str(&out), text), "%s", name))
        printf("# in:\n%s\n", buf_str(&out));
}

static size_t count(const char *text)
{
    size_t n = 0;
    for (const char *s = buf_str(&out); (s = strstr(s, text)); s++)
        n++;
    return n;
}

int main(void)
{
    buf_init(&out, SIZE_MAX / 2);
    typescript_print(&described_set, &out);
    has("  v1: {\n    Tables: { [_ in never]: never };\n    Views: {\n", "a version is a schema without tables");
    has("\n  v2: {\n", "and so is the other");
    has("      \"a/{b}\": {\n", "an entity's name in quotes");
    has("      parts: {\n        Row: {\n          country: string | null;\n", "or without");
    has("/** Ends *\\/ here. \"Quoted\". */\n          order: string;\n", "no comment ends a comment; not null");
    has("          \"say \\\"hi\\\"\": boolean | null;\n", "a column's name in quotes");
    has("          words: (string | null)[];\n", "an array");
    has("          mood: Json | null;\n", "what the contract does not explain");
    has("          ratio: number | null;\n          n: number | null;\n          document: Json;\n",
        "numbers and JSON");
    has("       * @deprecated served until 2027-03-01; use v_a/{b}_v2 */\n",
        "deprecated, until when, and what comes after");
    has("          {\n            foreignKeyName: \"odd\";\n            columns: [\"odd\"];\n            isOneToOne: "
        "true;\n"
        "            referencedRelation: \"a/{b}\";\n            referencedColumns: [\"order\"];\n          },\n",
        "a relationship: named by its column, one to one because that is unique");
    has("            referencedRelation: \"v_a/{b}_v2\";\n", "one into another version, to the view");
    has("      \"v_a/{b}_v2\": {\n        Row: {\n", "which stands there for that");
    is_int((long long)count("\"v_a/{b}_v1\": {"), 0, "and only where it is wanted");
    is_int((long long)count("Relationships: [];"), 3, "without relationships of its own");
    is_int((long long)count("Never null by itself"), 0, "a column that may be null needs no other word for embeds");
    part_columns[2].not_null = true;
    buf_reset(&out);
    typescript_print(&described_set, &out);
    has("          /** Never null by itself: typed so since an embed by it may be, where the other contract does not "
        "show "
        "the row. */\n          odd: string | null;\n",
        "an embed may be null though its column never is");
    is_int((long long)count("Never null by itself"), 1, "which is said of the foreign key's column alone");
    size_t n = out.len;
    typescript_print(&described_set, &out);
    ok(out.len == 2 * n && memcmp(out.data, out.data + n, n) == 0, "equal contracts, equal bytes");
    buf_release(&out);
    return tap_done();
}
