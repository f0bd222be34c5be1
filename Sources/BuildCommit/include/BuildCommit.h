// From which commit was this built?
//
// Package.swift hands the commit in as a macro, from GREENROOM_COMMIT in the environment; "unknown" where that isn't set. `make release`
// and the Dockerfile set it. C, since Swift takes no text from the command line of its compiler.

#pragma once

const char *_Nonnull greenroom_build_commit(void);
