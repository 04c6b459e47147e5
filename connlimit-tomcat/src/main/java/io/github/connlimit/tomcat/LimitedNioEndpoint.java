package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;

/** An NIO endpoint that asks the limits about each connection it has accepted. */
class LimitedNioEndpoint extends NioEndpoint {

    private final LimitedConnections<SocketChannel> limited = limitedConnections();

    private LimitedConnections<SocketChannel> limitedConnections() {
        Transport<SocketChannel> transport = new NioTransport();
        return new LimitedConnections<>(transport, new NioLingeringClose(transport));
    }

    LimitedConnections<SocketChannel> limited() {
        return limited;
    }

    @Override
    public void setHandler(Handler<NioChannel> handler) {
        super.setHandler(new LimitedHandler<>(
                handler, wrapper -> limited.release(wrapper.getSocket().getIOChannel())));
    }

    @Override
    protected boolean setSocketOptions(SocketChannel socket) {
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
    protected void destroySocket(SocketChannel socket) {
        limited.release(socket);
        super.destroySocket(socket);
    }

    private final class NioTransport implements Transport<SocketChannel> {

        @Override
        public SocketAddress remoteAddress(SocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public boolean isSecure() {
            return isSSLEnabled();
        }

        @Override
        public void resetOnClose(SocketChannel channel) throws IOException {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        }

        @Override
        public void destroy(SocketChannel channel) {
            destroySocket(channel);
        }

        @Override
        public ScheduledExecutorService executor() {
            return getUtilityExecutor();
        }
    }
}
