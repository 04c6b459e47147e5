package io.github.connlimit.examples;

/** What the demo promises, held against what it saw. Not thread-safe. */
final class Promises {

    private final Screen screen;
    private int kept;

    Promises(Screen screen) {
        this.screen = screen;
    }

    /**
     * Shows that a promise was kept: what was seen has to equal what was promised.
     *
     * @throws BrokenPromiseException if it does not
     */
    void check(String what, Object promised, Object seen) throws BrokenPromiseException {
        if (!promised.equals(seen)) {
            throw new BrokenPromiseException(what + ": " + seen + ", but promised were " + promised);
        }
        kept++;
        screen.say("  ok    " + what + ": " + seen);
    }

    /**
     * Shows that a promise was kept: what was seen is to be in a range.
     *
     * @throws BrokenPromiseException if it is not
     */
    void checkBetween(String what, int least, int most, int seen) throws BrokenPromiseException {
        if (seen < least || seen > most) {
            throw new BrokenPromiseException(what + ": " + seen + ", but promised were " + least + " to " + most);
        }
        kept++;
        screen.say("  ok    " + what + ": " + seen + " (" + least + " to " + most + ")");
    }

    /** How many promises were kept so far. */
    int kept() {
        return kept;
    }
}
