package io.github.connlimit.tomcat;

/** A protocol that limits connections at accept, as the Valve sees it: NIO or NIO2. */
interface LimitedProtocol {

    /** {@return what limits its connections; for the Valve of its Service} */
    ProtocolLimit<?> limit();

    /** Gives up the port, unless the protocol runs: it was initialised and cannot be started. Binds again when it is. */
    void unbind() throws Exception;
}
