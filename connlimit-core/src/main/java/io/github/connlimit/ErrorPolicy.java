package io.github.connlimit;

/**
 * What becomes of a connection that could not be counted, because counting it failed.
 *
 * @since 0.1.0
 */
public enum ErrorPolicy {

    /** It is refused: no limit is ever exceeded. */
    REFUSE,

    /** It is let in, uncounted: the server's availability comes first. */
    ADMIT
}
