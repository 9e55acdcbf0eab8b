namespace LoraAdmin.Shell;

/// <summary>Words that a person or a vendor gave, as parts of the portal's sentences.</summary>
public static class Sentences
{
    /// <summary>The words as the end of a sentence, whose stop they may have already.</summary>
    public static string WithStop(string words)
    {
        ArgumentNullException.ThrowIfNull(words);
        return words.TrimEnd() is [.., '.' or '!' or '?'] closed ? closed : $"{words.TrimEnd()}.";
    }
}
