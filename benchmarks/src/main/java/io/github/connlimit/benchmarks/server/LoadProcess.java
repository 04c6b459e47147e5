package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.load.LoadResult;
import io.github.connlimit.benchmarks.load.Workload;
import java.io.IOException;
import java.util.List;

/** A load generator. */
final class LoadProcess extends ChildProcess {

    private static final String OK = "ok ";

    LoadProcess(List<String> command) throws IOException {
        super(command);
    }

    LoadResult run(Workload workload) throws IOException {
        begin(workload);
        return await();
    }

    /** Begins a workload whose result {@link #await} waits for. */
    void begin(Workload workload) {
        send("run " + workload);
    }

    LoadResult await() throws IOException {
        return LoadResult.parse(answer());
    }

    /** Opens {@code count} connections, one request on each, and keeps them. */
    void hold(int count, Workload workload) throws IOException {
        send("hold " + count + " " + workload);
        answer();
    }

    /** Closes the connections that were kept, all of which are to be open still. */
    void release() throws IOException {
        send("release");
        String lost = answer();
        if (!lost.equals("0")) {
            throw new IOException(lost + " connections that were to be kept were closed by the server");
        }
    }

    private String answer() throws IOException {
        String line = receive();
        if (!line.startsWith(OK)) {
            throw new IOException("the generator said: " + line);
        }
        return line.substring(OK.length());
    }
}
