package io.github.connlimit.examples;

/** What the demo promises, held against what it saw. Not thread-safe. */
final class Promises {

    private final Screen screen;
    private int kept;
    private int broken;

    Promises(Screen screen) {
        this.screen = screen;
    }

    /** Shows whether one promise was kept: what was seen has to equal what was promised. */
    void check(String what, Object promised, Object seen) {
        if (promised.equals(seen)) {
            kept++;
            screen.say("  ok    " + what + ": " + seen);
        } else {
            broken++;
            screen.say("  FAIL  " + what + ": " + seen + ", but promised were " + promised);
        }
    }

    /** Whether there were promises, and none was broken. */
    boolean allKept() {
        return kept > 0 && broken == 0;
    }

    String summary() {
        return kept + " promises kept, " + broken + " broken.";
    }
}
