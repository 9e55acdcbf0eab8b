using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Commands;

/// <summary>A first word that is no command: a mistyped one would otherwise start a whole portal.</summary>
internal static class UnknownCommand
{
    /// <summary>Arguments of the configuration begin with a dash or a slash, or are written key=value.</summary>
    public static bool Is(string[] args) => args is [{ Length: > 0 } word, ..] && word[0] is not ('-' or '/') && !word.Contains('=');

    public static async Task<int> RefuseAsync(string word)
    {
        await Console.Error.WriteLineAsync($"There is no command \"{word}\".");
        await Console.Error.WriteLineAsync($"Commands: check, {DueProgram.Verb}, {InstallationProgram.Verb}, sign-in-link, {LocalCloudProgram.Verb}. Without one the portal starts: dotnet run --project LoraAdmin");
        return 1;
    }
}
