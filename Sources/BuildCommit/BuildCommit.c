#include "BuildCommit.h"

#ifndef GREENROOM_COMMIT
#define GREENROOM_COMMIT unknown
#endif
#define AS_TEXT_OF(text) #text
#define AS_TEXT(macro) AS_TEXT_OF(macro)

const char *greenroom_build_commit(void) { return AS_TEXT(GREENROOM_COMMIT); }
