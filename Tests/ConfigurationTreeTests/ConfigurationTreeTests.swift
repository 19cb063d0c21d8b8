import Testing

@testable import ConfigurationTree
