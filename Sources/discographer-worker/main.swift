import HostSystem

workerMain(arguments: CommandLine.arguments, jobs: [])
