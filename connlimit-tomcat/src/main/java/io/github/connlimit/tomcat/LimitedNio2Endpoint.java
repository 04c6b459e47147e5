package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.AsynchronousSocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.Nio2Endpoint;

/** An NIO2 endpoint that asks the limits about each connection it has accepted. */
class LimitedNio2Endpoint extends Nio2Endpoint {

    private final LimitedConnections<AsynchronousSocketChannel> limited = limitedConnections();

    private LimitedConnections<AsynchronousSocketChannel> limitedConnections() {
        Transport<AsynchronousSocketChannel> transport = new Nio2Transport();
        return new LimitedConnections<>(transport, new Nio2LingeringClose(transport));
    }

    LimitedConnections<AsynchronousSocketChannel> limited() {
        return limited;
    }

    @Override
    public void setHandler(Handler<Nio2Channel> handler) {
        super.setHandler(new LimitedHandler<>(
                handler, wrapper -> limited.release(wrapper.getSocket().getIOChannel())));
    }

    @Override
    protected boolean setSocketOptions(AsynchronousSocketChannel socket) {
        // Before Tomcat has it: it may be processed, and even closed, inside the call.
        if (!limited.admit(socket)) {
            return false;
        }
        boolean accepted;
        try {
            accepted = super.setSocketOptions(socket);
        } catch (Throwable error) {
            // The virtual machine is in trouble. Tomcat leaves it at that.
            closeSocket(socket);
            if (socket.isOpen()) {
                destroySocket(socket);
            }
            throw error;
        }
        if (!accepted && !connections.containsKey(socket)) {
            limited.release(socket);
        }
        return accepted;
    }

    @Override
    protected void destroySocket(AsynchronousSocketChannel socket) {
        limited.release(socket);
        super.destroySocket(socket);
    }

    private final class Nio2Transport implements Transport<AsynchronousSocketChannel> {

        @Override
        public SocketAddress remoteAddress(AsynchronousSocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public boolean isSecure() {
            return isSSLEnabled();
        }

        @Override
        public void resetOnClose(AsynchronousSocketChannel channel) throws IOException {
            // This kind of channel has no SO_LINGER: its close is a FIN, or a reset if something lies there unread.
        }

        @Override
        public void destroy(AsynchronousSocketChannel channel) {
            destroySocket(channel);
        }

        @Override
        public ScheduledExecutorService executor() {
            return getUtilityExecutor();
        }
    }
}
