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

    /** How many promises were kept so far. */
    int kept() {
        return kept;
    }
}
