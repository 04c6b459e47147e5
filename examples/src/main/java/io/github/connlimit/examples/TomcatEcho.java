package io.github.connlimit.examples;

import jakarta.websocket.OnMessage;
import jakarta.websocket.server.ServerEndpoint;
import java.nio.ByteBuffer;

/** Sends every WebSocket message back; in Tomcat. Public, because Tomcat makes the instances. */
@ServerEndpoint("/ws")
public final class TomcatEcho {

    /** Made by Tomcat, one for each WebSocket. */
    public TomcatEcho() {}

    /** Echoes a text message. */
    @OnMessage
    public String text(String message) {
        return message;
    }

    /** Echoes a binary message. */
    @OnMessage
    public ByteBuffer binary(ByteBuffer message) {
        return message;
    }
}
