namespace LoraAdmin.Tests.Architecture;

/// <summary>What a rule finds, as a test says it.</summary>
internal static class Rule
{
    /// <summary>Fails with every problem on a line of its own.</summary>
    public static void Holds(IEnumerable<string> problems)
    {
        string[] found = [.. problems];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    /// <summary>The wrong sample must be caught, once, by a message that names what is wrong.</summary>
    public static void Catches(string named, IEnumerable<string> problems) =>
        Assert.Contains(named, Assert.Single(problems), StringComparison.Ordinal);
}
