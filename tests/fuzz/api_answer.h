/* What every answer of the API has in common. */
#ifndef TESTS_FUZZ_API_ANSWER_H
#define TESTS_FUZZ_API_ANSWER_H

#include "api/request.h"

/* Aborts unless the answer is empty, JSON of its route, or a fault in the shape of Nova's and Keystone's. */
void api_answer_check(const GwRequest *request);

#endif
