import Testing

@testable import BuildPipeline
