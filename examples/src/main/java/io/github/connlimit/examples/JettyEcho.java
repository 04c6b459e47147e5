package io.github.connlimit.examples;

import java.nio.ByteBuffer;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;

/** Sends every WebSocket message back; in Jetty. Public, because Jetty calls it by method handles. */
public final class JettyEcho extends Session.Listener.AbstractAutoDemanding {

    @Override
    public void onWebSocketText(String message) {
        getSession().sendText(message, Callback.NOOP);
    }

    @Override
    public void onWebSocketBinary(ByteBuffer message, Callback callback) {
        getSession().sendBinary(message, callback);
    }
}
