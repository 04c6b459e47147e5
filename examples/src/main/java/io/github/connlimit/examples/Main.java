package io.github.connlimit.examples;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of the examples: without arguments the demo, with {@code cluster} that of a cluster, with {@code serve} a server. */
@Command(
        name = "connlimit-examples",
        description = "Runs the demo: Jetty and Tomcat with one limit for each client, for a dozen seconds.")
public final class Main implements Callable<Integer> {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    private Main() {}

    /** Runs one command and exits: 0 all right, 1 it failed, 2 the command line is wrong. */
    public static void main(String... args) {
        System.exit(run(args));
    }

    static int run(String... args) {
        Logger.getLogger("").setLevel(Level.WARNING);
        return new CommandLine(new Main())
                .addSubcommand(ServeCommand.commandLine())
                .addSubcommand(new ClusterDemoCommand())
                .setParameterExceptionHandler(Main::reportBadArguments)
                .setExecutionExceptionHandler(Main::reportFailure)
                .execute(args);
    }

    @Override
    public Integer call() throws Exception {
        return new Demo(System.out, CommandLine.Help.Ansi.AUTO.enabled()).run();
    }

    private static int reportBadArguments(CommandLine.ParameterException error, String[] args) {
        CommandLine command = error.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr().println(error.getMessage());
        command.getErr().println("Try '" + name + " --help'.");
        return CommandLine.ExitCode.USAGE;
    }

    private static int reportFailure(Exception error, CommandLine command, CommandLine.ParseResult parsed) {
        Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
        command.getErr().println(cause.getMessage() == null ? cause.toString() : cause.getMessage());
        return CommandLine.ExitCode.SOFTWARE;
    }

    static Throwable rootCause(Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }
}
