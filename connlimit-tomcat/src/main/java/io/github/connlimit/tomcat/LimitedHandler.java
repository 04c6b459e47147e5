package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.NetworkChannel;
import java.util.function.Function;
import org.apache.coyote.AbstractProcessor;
import org.apache.coyote.Processor;
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
            if (refusal != null) {
                return refusal.process(wrapper, event);
            }
            // Read before: a connection that is closed meanwhile has no channel any more.
            Progress<?> progress = Progress.of(wrapper);
            if (event == SocketEvent.ERROR && progress != null) {
                Progress.Expiry expiry = progress.takeExpiry();
                if (expiry == Progress.Expiry.MET) {
                    return SocketState.OPEN;
                } else if (expiry == Progress.Expiry.ANSWER) {
                    answerLateHeader(wrapper);
                }
            }
            if (progress != null) {
                progress.processing();
            }
            SocketState state = handler.process(wrapper, event);
            if (progress != null) {
                noteProgress(progress, state, wrapper);
            }
            return state;
        } catch (VirtualMachineError error) {
            // Tomcat closes the connection after any other error, but forgets it after this one.
            if (wrapper != null) {
                wrapper.close();
            }
            throw error;
        }
    }

    private static void noteProgress(Progress<?> progress, SocketState state, SocketWrapperBase<?> wrapper) {
        if (state == SocketState.LONG && isInHeader(wrapper)) {
            progress.inHeader(requestsSoFar(wrapper));
        } else if (state == SocketState.OPEN) {
            progress.idle();
            if (isInRecord(wrapper)) {
                progress.inRecord();
            } else {
                progress.notInHeader();
            }
        } else {
            progress.notInHeader();
        }
    }

    /** How many requests the processor has seen: tells one header from the next, if both end in the middle of a read. */
    private static int requestsSoFar(SocketWrapperBase<?> wrapper) {
        return wrapper.getCurrentProcessor() instanceof AbstractProcessor processor
                ? processor.getRequest().getRequestProcessor().getRequestCount()
                : 0;
    }

    /** Whether the beginning of a TLS record has come, and its end has not. */
    static boolean isInRecord(SocketWrapperBase<?> wrapper) {
        return wrapper.getSocket() instanceof TrackedChannel tracked && tracked.isInRecord();
    }

    /**
     * Whether Tomcat has the beginning of a header and waits for the rest. While it processes a connection, its processor
     * is not to be had, and so the answer is false.
     */
    static boolean isInHeader(SocketWrapperBase<?> wrapper) {
        return wrapper.getCurrentProcessor() instanceof Processor processor
                && !processor.isAsync()
                && !processor.isUpgrade();
    }

    private void answerLateHeader(SocketWrapperBase<S> wrapper) {
        // With NIO2, a thread of its own would go on with what TLS has to write, while Tomcat writes its goodbye into
        // the
        // same buffer. With NIO, what is left is written when Tomcat closes.
        boolean waits = channelOf.apply(wrapper.getSocket()) instanceof AsynchronousSocketChannel;
        try {
            if (waits) {
                wrapper.setWriteTimeout(RefusalBudget.MAX_LINGER_MILLIS);
            }
            wrapper.write(waits, ConnectionPhase.timeoutResponse());
            wrapper.flush(waits);
        } catch (IOException | RuntimeException gone) {
            // Then it is closed without an answer.
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
