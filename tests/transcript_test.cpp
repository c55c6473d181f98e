// Invariant: the conversations in transcripts/ go as they are written down, however their input is
// cut.
#include <doctest/doctest.h>

#include "transcript.hpp"

namespace wolframite::test {

TEST_CASE("every transcript goes as it is written") {
  const std::vector<Transcript> transcripts = read_transcripts(WOLFRAMITE_TRANSCRIPTS);
  CHECK(transcripts.size() >= 25);
  for (const Transcript& transcript : transcripts) {
    CHECK(run_transcript(transcript, false) > 0);
    CHECK(run_transcript(transcript, true) > 0);
  }
}

}  // namespace wolframite::test
