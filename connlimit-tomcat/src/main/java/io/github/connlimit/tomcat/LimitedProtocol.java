package io.github.connlimit.tomcat;

/** A protocol that limits connections at accept, as the Valve sees it: NIO or NIO2. */
interface LimitedProtocol {

    /** {@return what limits its connections; for the Valve of its Service} */
    ProtocolLimit<?> limit();
}
