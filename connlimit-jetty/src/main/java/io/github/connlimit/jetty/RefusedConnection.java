package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Answers a refused connection. Closing with unread input makes TCP reset the connection, which may destroy the answer
 * before the client has read it; so after the answer comes the end of the output, and then the input is read and thrown
 * away until it ends, within bounds. Tells no {@code Connection.Listener}: for Jetty's statistics there is no such
 * connection.
 */
final class RefusedConnection extends AbstractConnection implements Connection.UpgradeTo {

    private static final int BUFFER_SIZE = 8192;

    private final RefusedChannel refused;
    private final Answer answer;
    private final ConnectionGate<?> gate;
    private final ByteBuffer input = BufferUtil.allocate(BUFFER_SIZE);
    private final Callback whenFillable;
    private final Callback whenAnswered;
    private boolean answered;
    private int bytesRead;

    RefusedConnection(
            EndPoint endPoint, Executor executor, RefusedChannel refused, Answer answer, ConnectionGate<?> gate) {
        super(endPoint, executor);
        this.refused = refused;
        this.answer = answer;
        this.gate = gate;
        this.whenFillable =
                Callback.from(Invocable.InvocationType.NON_BLOCKING, this::onFillable, closedOrIdle -> refused.reset());
        this.whenAnswered =
                Callback.from(Invocable.InvocationType.NON_BLOCKING, this::afterAnswer, closed -> refused.reset());
    }

    /** What came together with a PROXY header, which is in clear text and needs no more than being thrown away. */
    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        BufferUtil.clear(buffer);
    }

    @Override
    public void onOpen() {
        if (!refused.opened(getEndPoint())) {
            getEndPoint().close();
            return;
        }
        try {
            if (!answer()) {
                onFillable();
            }
        } catch (Throwable error) {
            end(error);
        }
    }

    /** @return whether the answer is on its way */
    private boolean answer() throws IOException {
        ByteBuffer words = answer.to(input);
        BufferUtil.clear(input);
        if (words != null) {
            answered = true;
            getEndPoint().write(whenAnswered, words);
        }
        return answered;
    }

    private void afterAnswer() {
        getEndPoint().shutdownOutput();
        onFillable();
    }

    /** Called when there is input: reads all there is. */
    @Override
    public void onFillable() {
        try {
            int read;
            while ((read = getEndPoint().fill(input)) > 0) {
                bytesRead += read;
                if (bytesRead > RefusalBudget.MAX_LINGER_BYTES) {
                    refused.reset();
                    return;
                }
                if (!answered && answer()) {
                    // Reading goes on when the answer has been written.
                    return;
                }
                BufferUtil.clear(input);
            }
            if (read == 0) {
                getEndPoint().fillInterested(whenFillable);
            } else {
                refused.close();
            }
        } catch (Throwable error) {
            end(error);
        }
    }

    private void end(Throwable error) {
        refused.reset();
        // A client that is gone, or has failed to complete the handshake, is no error of ours.
        if (!(error instanceof IOException)) {
            gate.report("answering a refused connection failed", error);
        }
    }
}
