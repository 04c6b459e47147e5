package io.github.connlimit.tomcat;

import java.nio.channels.NetworkChannel;
import java.util.function.Function;
import org.apache.tomcat.util.net.AbstractEndpoint.Handler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * Tomcat's handler of connections, with a look at how they end, and without those that are refused. This class is
 * thread-safe.
 *
 * @param <S> Tomcat's channel
 * @param <U> the channel of a connection
 */
final class LimitedHandler<S, U extends NetworkChannel> implements Handler<S> {

    private final Handler<S> handler;
    private final LimitedConnections<U> limited;
    private final Function<S, U> channelOf;

    LimitedHandler(Handler<S> handler, LimitedConnections<U> limited, Function<S, U> channelOf) {
        this.handler = handler;
        this.limited = limited;
        this.channelOf = channelOf;
    }

    @Override
    public SocketState process(SocketWrapperBase<S> wrapper, SocketEvent event) {
        try {
            TlsRefusal refusal = wrapper == null ? null : limited.refusal(wrapper.getSocket(), channelOf);
            return refusal == null ? handler.process(wrapper, event) : refusal.process(wrapper, event);
        } catch (VirtualMachineError error) {
            // Tomcat closes the connection after any other error, but forgets it after this one.
            if (wrapper != null) {
                wrapper.close();
            }
            throw error;
        }
    }

    @Override
    public void release(SocketWrapperBase<S> wrapper) {
        try {
            handler.release(wrapper);
        } finally {
            limited.release(channelOf.apply(wrapper.getSocket()));
        }
    }

    @Override
    public Object getGlobal() {
        return handler.getGlobal();
    }

    @Override
    public void pause() {
        handler.pause();
    }

    @Override
    public void recycle() {
        handler.recycle();
    }
}
