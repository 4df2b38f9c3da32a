/* cents: an amount of money to whole hundredths, "1 234,50" to "123450". */
#include <string.h>

#include "worker/decimal.h"
#include "worker/operation.h"

enum { LONGEST_AMOUNT = 200 };

/* Rounds half away from zero, as Postgres does when it takes an amount into numeric(12,2), so that both agree. What is
 * no number stays as it is: the field's type then says so, in the words it has for any other field. */
bool operation_cents(const struct operation *self, struct arena *a, struct cell *text)
{
    char literal[LONGEST_AMOUNT + 1];
    const char *amount;
    if (!text->len || text->len > LONGEST_AMOUNT ||
        number_read(self->numbers, text->text, text->len, literal) != text->len ||
        decimal_plain(a, literal, strlen(literal), &amount) != DECIMAL_OK)
        return true;
    const char *cents = decimal_divide(a, decimal_multiply(a, amount, "100"), "1", 0);
    *text = (struct cell){cents, strlen(cents)};
    return true;
}
