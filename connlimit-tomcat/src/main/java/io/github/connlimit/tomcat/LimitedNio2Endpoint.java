package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.AsynchronousSocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.Nio2Endpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** An NIO2 endpoint that limits the connections it accepts. What it does is in {@link EndpointLimit}. */
class LimitedNio2Endpoint extends Nio2Endpoint {

    private final Limit limit = new Limit();

    LimitedConnections<AsynchronousSocketChannel> limited() {
        return limit.connections();
    }

    @Override
    public void setHandler(Handler<Nio2Channel> handler) {
        super.setHandler(limit.limited(handler));
    }

    @Override
    public void setUtilityExecutor(ScheduledExecutorService executor) {
        limit.utilityExecutor(executor);
        super.setUtilityExecutor(executor);
    }

    @Override
    public void startInternal() throws Exception {
        TrackedPool.ensure(getSocketProperties(), isSSLEnabled() ? getSniParseLimit() * 2 : 0);
        super.startInternal();
    }

    /** Tomcat 11 calls this for a new channel. Tomcat 10.1 does not, but takes one from its pool if there is any. */
    @Override
    protected Nio2Channel createChannel(SocketBufferHandler buffer) {
        Progress<AsynchronousSocketChannel> progress = new Progress<>(limit.connections());
        return isSSLEnabled()
                ? new TrackedSecureNio2Channel(buffer, this, progress)
                : new TrackedNio2Channel(buffer, progress);
    }

    @Override
    protected boolean setSocketOptions(AsynchronousSocketChannel socket) {
        return limit.accept(socket);
    }

    @Override
    protected void destroySocket(AsynchronousSocketChannel socket) {
        limit.connections().release(socket);
        super.destroySocket(socket);
    }

    private final class Limit extends EndpointLimit<Nio2Channel, AsynchronousSocketChannel> {

        Limit() {
            super(LimitedNio2Endpoint.this, Nio2LingeringClose::new);
        }

        @Override
        boolean takeOver(AsynchronousSocketChannel socket) {
            return LimitedNio2Endpoint.super.setSocketOptions(socket);
        }

        @Override
        void closeSocket(AsynchronousSocketChannel socket) {
            LimitedNio2Endpoint.this.closeSocket(socket);
        }

        @Override
        public void destroy(AsynchronousSocketChannel socket) {
            destroySocket(socket);
        }

        @Override
        public void letGo() {
            countDownConnection();
        }

        @Override
        SocketWrapperBase<Nio2Channel> wrapper(AsynchronousSocketChannel socket) {
            return LimitedNio2Endpoint.this.connections.get(socket);
        }

        @Override
        AsynchronousSocketChannel channelOf(Nio2Channel channel) {
            return channel.getIOChannel();
        }

        @Override
        void offerChannels(int accepting) {
            TrackedPool.offer(
                    getNioChannels(),
                    accepting,
                    () -> createChannel(TrackedPool.buffer(getSocketProperties())),
                    Nio2Channel::free);
        }

        /** Tomcat reads on by itself until there is something in the record. */
        @Override
        public boolean hidesRecords() {
            return true;
        }

        @Override
        public SocketAddress remoteAddress(AsynchronousSocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public void resetOnClose(AsynchronousSocketChannel channel) {
            // This kind of channel has no SO_LINGER: its close is a FIN, or a reset if something lies there unread.
        }
    }
}
