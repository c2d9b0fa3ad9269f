/* Requests for the API's fuzzer that get past the first check: of a row of the table of routes, with ids that exist and
 * that do not, at any microversion, with the parameters and bodies of the API, whole or damaged. */
#ifndef GW_TESTS_FUZZ_API_GENERATOR_H
#define GW_TESTS_FUZZ_API_GENERATOR_H

#include <glib.h>

/* "METHOD MICROVERSION\nPATH?QUERY\nBODY". Owned by the caller; the same for the same seed. */
char *api_generate(guint32 seed);
/* The first row of the table of routes that no request generated so far was for, or NULL. */
const char *api_generator_missed(void);

#endif
