/*
 * main() of a fuzz target outside of a fuzzing build: replays its corpus, the files of t/fuzz/corpus/NAME/, where the
 * program is t/fuzz/fuzz_NAME; or the files named as arguments. Each is a test of TAP: it passes when nothing crashes,
 * so the sanitizers' builds see more. Run from the top of the checkout.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_INPUT = 16 << 20, LONGEST_FOLDER = 4096, LONGEST_NAME = 256 };

static void replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(LARGEST_INPUT);
    size_t n = f && data ? fread(data, 1, LARGEST_INPUT, f) : 0;
    /* exactly as long as the input, so that a read beyond its end is seen */
    uint8_t *exact = malloc(n ? n : 1);
    bool ready = f && data && exact && !ferror(f);
    if (ready) {
        memcpy(exact, data, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    ok(ready, "%s", path);
    free(exact);
    free(data);
    if (f)
        fclose(f);
}

static void replay_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    ok(n > 2, "%s holds inputs", folder); /* more than "." and ".." */
    for (int i = 0; i < n; i++) {
        char path[LONGEST_FOLDER + LONGEST_NAME + 1];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            replay(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    char folder[LONGEST_FOLDER];
    snprintf(folder, sizeof folder, "t/fuzz/corpus/%s", strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
    if (argc < 2)
        replay_folder(folder);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return tap_done();
}
