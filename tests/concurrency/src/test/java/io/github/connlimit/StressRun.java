package io.github.connlimit;

import java.util.Set;
import java.util.TreeSet;
import org.openjdk.jcstress.JCStress;
import org.openjdk.jcstress.Options;
import org.openjdk.jcstress.infra.collectors.DiskReadCollector;
import org.openjdk.jcstress.infra.collectors.InProcessCollector;

/** Runs jcstress, which by itself ends well if it has found nothing to run or has got no result of it. */
public final class StressRun {

    private StressRun() {}

    /** @param args those of jcstress */
    public static void main(String... args) throws Exception {
        Options options = new Options(args);
        if (!options.parse()) {
            throw new IllegalArgumentException(String.join(" ", args));
        }
        JCStress stress = new JCStress(options);
        // Throws an AssertionError that lists the tests with a forbidden outcome or an error.
        stress.run();
        Set<String> expected = stress.getTests();
        Set<String> finished = finished(options.getResultFile());
        if (expected.isEmpty() || !finished.equals(expected)) {
            throw new AssertionError("tests: " + expected + ", with results: " + finished);
        }
        System.out.println(finished.size() + " passed, 0 failed");
    }

    private static Set<String> finished(String resultFile) throws Exception {
        InProcessCollector results = new InProcessCollector();
        DiskReadCollector file = new DiskReadCollector(resultFile, results);
        try {
            file.dump();
        } finally {
            file.close();
        }
        Set<String> names = new TreeSet<>();
        results.getTestResults().forEach(result -> names.add(result.getName()));
        return names;
    }
}
