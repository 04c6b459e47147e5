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
 * Answers a refused connection. If a socket is closed with unread input, TCP resets the connection, and the client may
 * lose the answer. So this connection answers, shuts its output down, and then reads and discards the input until it
 * ends, within bounds. It notifies no {@code Connection.Listener}: Jetty's statistics do not see it.
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

    /** Discards what came together with a PROXY header: it is clear text, and the answer does not depend on it. */
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

    /** {@return whether the answer has been written or is being written} */
    private boolean answer() throws IOException {
        ByteBuffer response = answer.to(input);
        BufferUtil.clear(input);
        if (response != null) {
            answered = true;
            getEndPoint().write(whenAnswered, response);
        }
        return answered;
    }

    private void afterAnswer() {
        getEndPoint().shutdownOutput();
        onFillable();
    }

    /** Reads all available input. */
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
        // An IOException means that the client is gone or has not completed the handshake: not our error.
        if (!(error instanceof IOException)) {
            gate.report("answering a refused connection failed", error);
        }
    }
}
