// Nothing: with a second file beside it, `FuzzDriver.swift` isn't read as a script.
