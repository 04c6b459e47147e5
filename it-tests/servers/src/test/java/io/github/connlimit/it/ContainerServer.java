package io.github.connlimit.it;

/** An HTTP server with connectors: Jetty, Tomcat. */
interface ContainerServer extends TestServer {

    /** Stops the connector alone. */
    void stopConnector() throws Exception;

    /** Starts the connector that was stopped. */
    void startConnector() throws Exception;

    /** From now on, what the server makes for a connection after it was accepted fails, or no longer. */
    void failEndpoints(boolean fail);
}
