package io.github.connlimit.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Says at the end of the build which tests were skipped because this machine lacks a program. Where the environment variable
 * {@code CI} is set, that fails the build.
 */
public final class SkippedTests {

    /** As the tests say it. */
    private static final String MISSING = "not on the PATH: ";

    private SkippedTests() {}

    /**
     * Reads the reports of all modules.
     *
     * @param arguments the directory of the project
     * @throws IOException if a report cannot be read
     * @throws XMLStreamException if a report is none
     */
    public static void main(String... arguments) throws IOException, XMLStreamException {
        SortedMap<String, Collection<String>> skipped = new TreeMap<>();
        for (Path report : reports(Path.of(arguments[0]))) {
            read(report, skipped);
        }
        skipped.forEach((program, classes) ->
                System.out.println("[WARNING] Not tested, as it is " + program + ": " + String.join(", ", classes)));
        if (!skipped.isEmpty() && System.getenv("CI") != null) {
            System.out.println("[ERROR] On a server that builds, nothing may be left out.");
            System.exit(1);
        }
    }

    private static List<Path> reports(Path project) throws IOException {
        try (Stream<Path> files = Files.walk(project)) {
            return files.filter(file -> file.getFileName().toString().matches("TEST-.*\\.xml"))
                    .filter(file -> file.getParent().getFileName().toString().matches("(surefire|failsafe)-reports"))
                    .toList();
        }
    }

    private static void read(Path report, SortedMap<String, Collection<String>> skipped)
            throws IOException, XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        try (InputStream in = Files.newInputStream(report)) {
            XMLStreamReader xml = factory.createXMLStreamReader(in);
            String test = "";
            while (xml.hasNext()) {
                if (xml.next() != XMLStreamReader.START_ELEMENT) {
                    continue;
                }
                if (xml.getLocalName().equals("testcase")) {
                    String name = xml.getAttributeValue(null, "classname");
                    test = name.substring(name.lastIndexOf('.') + 1);
                } else if (xml.getLocalName().equals("skipped")) {
                    String reason = String.valueOf(xml.getAttributeValue(null, "message"));
                    int begin = reason.indexOf(MISSING);
                    if (begin >= 0) {
                        skipped.computeIfAbsent(reason.substring(begin), program -> new TreeSet<>())
                                .add(test);
                    }
                }
            }
        }
    }
}
