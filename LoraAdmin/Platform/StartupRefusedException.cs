namespace LoraAdmin.Platform;

/// <summary>
/// The portal can't start as it is configured, or where it is started. Shown as one screen: the key that decides, what is wrong, what to do.
/// </summary>
public sealed class StartupRefusedException : Exception
{
    public StartupRefusedException()
        : this("", "The portal can't start.", "")
    {
    }

    public StartupRefusedException(string message)
        : this("", message, "")
    {
    }

    public StartupRefusedException(string message, Exception innerException)
        : this("", message, "", innerException)
    {
    }

    /// <param name="key">The configuration key to look at, e.g. <c>Data:Path</c>.</param>
    /// <param name="problem">One sentence, without secrets.</param>
    /// <param name="remedy">What the person who starts the portal can do about it.</param>
    public StartupRefusedException(string key, string problem, string remedy, Exception? innerException = null)
        : base($"{key}: {problem} {remedy}", innerException)
    {
        Key = key;
        Problem = problem;
        Remedy = remedy;
    }

    public string Key { get; }

    public string Problem { get; }

    public string Remedy { get; }
}
