"""Words as text: how they compare, how long they last, segments and subtitles."""
