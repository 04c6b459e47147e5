package io.github.connlimit.tomcat;

/**
 * One of Tomcat's channels that knows how far its connection has come. Tomcat wants four classes: NIO or NIO2, with TLS or
 * without. Each tells {@link Progress} what it sees.
 */
interface TrackedChannel {

    Progress<?> progress();

    /** {@return whether the beginning of a TLS record has come, and its end has not} */
    default boolean isInRecord() {
        return false;
    }
}
