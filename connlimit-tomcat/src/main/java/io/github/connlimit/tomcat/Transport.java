package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.NetworkChannel;
import java.util.concurrent.ScheduledExecutorService;

/**
 * What an endpoint knows of its connections, and what NIO and NIO2 do in different ways.
 *
 * @param <U> the channel of a connection
 */
interface Transport<U extends NetworkChannel> {

    /** The other end's address, or {@code null} if the channel is not connected (any more). */
    SocketAddress remoteAddress(U channel) throws IOException;

    /** Whether TLS is spoken, so that there is no way to answer before the handshake. */
    boolean isSecure();

    /** Makes the close that follows a TCP RST, if this kind of channel can. */
    void resetOnClose(U channel) throws IOException;

    /** Closes a channel that Tomcat has not taken over, and gives Tomcat's own count of connections back. */
    void destroy(U channel);

    /** Gives Tomcat's own count of connections back for a channel that Tomcat has not taken over and that stays open. */
    void letGo();

    /** What a connection has to do next; {@code null} if it has done all, or is not open. */
    ConnectionPhase phase(U channel);

    /**
     * Closes a connection that has not done in time what it has to do, without blocking.
     *
     * @return false if it has done it, or is not open
     */
    boolean closeExpired(U channel);

    /** Whether nobody tells of the beginning of a TLS record on a connection that waits for a request. */
    default boolean hidesRecords() {
        return false;
    }

    /** Looks for the beginnings of TLS records on all connections; needed only where they are hidden. */
    default void lookForRecords() {}

    /** Closes a connection that Tomcat has taken over, as a time-out of Tomcat's own would, without blocking. */
    void close(U channel);

    /** Where to run tasks. */
    ScheduledExecutorService executor();
}
