package io.github.connlimit.examples;

/** What the demo saw is not what it promises. */
final class BrokenPromiseException extends Exception {

    private static final long serialVersionUID = 1L;

    BrokenPromiseException(String message) {
        super(message);
    }
}
