package io.github.connlimit.it;

/** A server under test: serves an {@link Application} and limits its clients. */
interface TestServer {

    /** Starts it, or starts it again. */
    void start() throws Exception;

    /** Stops it, whatever its clients are doing; does nothing if it is not started. */
    void stop() throws Exception;

    /** Whether it knows that a connection in clear text has no handshake to do. */
    default boolean knowsClearText() {
        return true;
    }

    /** Whether it can hold a refused connection back from the container. */
    default boolean canHold() {
        return true;
    }

    /** Gives back what it holds even while it is stopped, after which it cannot be started again. */
    default void destroy() throws Exception {}

    /** Where it listens now. */
    int port();

    /** Whether it can end a refused connection by a TCP reset. */
    default boolean canReset() {
        return true;
    }

    /**
     * Whether it may drop the first connection after it was started again. Tomcat's own NIO2 endpoint does, as an accept of
     * its former life is still under way.
     */
    default boolean mayDropFirstAfterRestart() {
        return false;
    }

    /** Makes a server, not started. */
    @FunctionalInterface
    interface Factory<S extends TestServer> {

        S create(ServerSetup setup) throws Exception;
    }
}
