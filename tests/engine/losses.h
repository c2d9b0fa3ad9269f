/* Hosts that are lost and come back: for the tests of evacuations, of moves whose host is lost, and of what is left behind. */
#ifndef GW_TESTS_ENGINE_LOSSES_H
#define GW_TESTS_ENGINE_LOSSES_H

#include "tests/engine/fixture.h"

/* Until the host is seen to answer, or not to. */
void fixture_wait_until(Fixture *f, const char *host, gboolean up);
void fixture_force_down(Fixture *f, const char *host, GwSwitch how);
void fixture_lose(Fixture *f, const char *host); /* it loses power, is seen down, and is forced down */
void fixture_come_back(Fixture *f, const char *host);

/* An evacuation of it is refused at once, with that in the message. */
void fixture_assert_no_evacuation(Fixture *f, const char *uuid, GwErrorCode code, const char *word);
/* Until the journal has that state; its source is asked meanwhile. */
void fixture_wait_for_state(Fixture *f, gint64 id, GwMigrationState state);

/* A live copy to HostB, under way, that does not end by itself. */
gint64 fixture_begin_endless(Fixture *f, const char *uuid);
/* HostB is lost in the midst of such a copy, which has failed. */
void fixture_lose_destination(Fixture *f, const char *uuid);

#endif
