/** Limits concurrent connections per client IP address. Needs nothing but {@code java.base}. */
module io.github.connlimit {
    exports io.github.connlimit;
}
